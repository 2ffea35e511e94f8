package redis

import (
	"crypto/tls"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirproxy/weir/core"
)

// Shape is how the servers at hand make up one Redis.
type Shape int

const (
	Single    Shape = iota // one server
	Cluster                // a Cluster, found through some of its nodes
	Sentinels              // a master, found through its Sentinels
)

// Target is what Options mean: checked, completed and in one form for every
// runner. Nothing has been dialled to make it.
type Target struct {
	Shape Shape

	// Network is "tcp", or "unix" for a single server behind a socket.
	Network string

	// Addresses are each host:port, or a socket's path.
	Addresses []string

	// Master is set for Sentinels.
	Master string

	Username         string
	Password         string
	SentinelUsername string
	SentinelPassword string
	DB               int

	// TLS is nil for connections in clear. Without a ServerName the host
	// dialled is the name to expect.
	TLS *tls.Config

	PoolSize    int
	DialTimeout time.Duration
}

// Target reads the options, and certificate files with them. Its error is a
// *core.OptionError, without secrets.
func (o Options) Target() (*Target, error) {
	t := &Target{
		Network:          "tcp",
		Master:           o.Master,
		Username:         o.Username,
		Password:         o.Password,
		SentinelUsername: o.SentinelUsername,
		SentinelPassword: o.SentinelPassword,
		DB:               o.DB,
		PoolSize:         o.PoolSize,
		DialTimeout:      o.DialTimeout,
	}
	if len(o.Addresses) == 0 {
		return nil, wrong("address", "", addressForms)
	}
	secured := 0
	for i, written := range o.Addresses {
		a, err := readAddress(written)
		if err != nil {
			return nil, err
		}
		if a.network == "unix" && len(o.Addresses) > 1 {
			return nil, wrong("address", a.address, "one unix socket alone: it is a single server")
		}
		if i > 0 && a.secured != (secured > 0) {
			return nil, wrong("address", a.address, "redis:// or rediss:// for all addresses alike")
		}
		if a.secured {
			secured++
		}
		t.Network = a.network
		t.Addresses = append(t.Addresses, a.address)
		if err := t.complete(o, a); err != nil {
			return nil, err
		}
	}
	switch {
	case o.Master != "":
		t.Shape = Sentinels
	case o.Cluster || len(o.Addresses) > 1:
		t.Shape = Cluster
	}
	if err := o.check(t); err != nil {
		return nil, err
	}
	var err error
	switch {
	case o.TLS != nil:
		t.TLS, err = o.TLS.config()
	case secured > 0:
		t.TLS, err = (&TLS{}).config()
	}
	if err != nil {
		return nil, err
	}
	if t.PoolSize == 0 {
		t.PoolSize = DefaultPoolSize
	}
	if t.DialTimeout == 0 {
		t.DialTimeout = DefaultDialTimeout
	}
	return t, nil
}

// complete takes from an address what the options leave open and no address
// before it has said.
func (t *Target) complete(o Options, a address) error {
	if a.username != "" && o.Username == "" {
		if t.Username != "" && t.Username != a.username {
			return wrong("address", a.address, "the same user in all addresses")
		}
		t.Username = a.username
	}
	if a.password != "" && o.Password == "" {
		if t.Password != "" && t.Password != a.password {
			return wrong("address", a.address, "the same password in all addresses")
		}
		t.Password = a.password
	}
	if a.db != 0 && o.DB == 0 {
		if t.DB != 0 && t.DB != a.db {
			return wrong("address", a.address, "the same database in all addresses")
		}
		t.DB = a.db
	}
	return nil
}

// check finds options that contradict each other.
func (o Options) check(t *Target) error {
	switch {
	case o.Cluster && o.Master != "":
		return wrong("cluster", "true", "no cluster beside a master: Sentinels watch a single server")
	case t.Network == "unix" && o.Master != "":
		return wrong("master", o.Master, "none beside a unix socket: it is a single server")
	case t.Network == "unix" && o.Cluster:
		return wrong("cluster", "true", "false beside a unix socket: it is a single server")
	case t.Network == "unix" && o.TLS != nil:
		return wrong("tls", t.Addresses[0], "no tls beside a unix socket")
	case o.SentinelUsername != "" && o.Master == "":
		return wrong("sentinel_username", o.SentinelUsername, "the master's name as well, in master")
	case o.SentinelPassword != "" && o.Master == "":
		return wrong("master", "", "the master's name beside sentinel_password")
	case t.DB < 0:
		return wrong("db", strconv.Itoa(t.DB), "0 or more")
	case t.DB > 0 && t.Shape == Cluster:
		return wrong("db", strconv.Itoa(t.DB), "0: a Cluster has no other")
	case o.PoolSize < 0:
		return wrong("pool_size", strconv.Itoa(o.PoolSize), "1 or more, 0 for the default")
	case o.DialTimeout < 0:
		return wrong("dial_timeout", o.DialTimeout.String(), "a positive time, 0 for the default")
	}
	return nil
}

// address is one of the addresses in parts.
type address struct {
	network  string
	address  string
	secured  bool
	username string
	password string
	db       int
}

const addressForms = "host:port, redis://[user:password@]host:port[/db], rediss:// likewise, or unix:///path"

func readAddress(written string) (address, error) {
	if strings.Contains(written, "://") {
		return readURL(written)
	}
	host, port, err := net.SplitHostPort(written)
	switch {
	case written == "":
		return address{}, wrong("address", "", addressForms)
	case strings.Contains(written, "@"):
		return address{}, wrong("address", hidden(written), "redis:// before a user and password")
	case err != nil && !strings.Contains(written, ":"):
		return address{}, wrong("address", written, "a port: "+net.JoinHostPort(written, "6379"))
	case err != nil:
		return address{}, wrong("address", written, addressForms)
	case host == "":
		return address{}, wrong("address", written, "a host before the port")
	case !isPort(port):
		return address{}, wrong("address", written, "a port from 1 to 65535")
	}
	return address{network: "tcp", address: net.JoinHostPort(host, port)}, nil
}

func readURL(written string) (address, error) {
	u, err := url.Parse(written)
	if err != nil || strings.Contains(u.Path+u.RawQuery, "@") || u.Hostname() == "" && u.Host != "" {
		// What looks like a host, port or path may be a part of a password, and
		// the error repeats it.
		scheme := written[:strings.Index(written, "://")]
		return address{}, wrong("address", scheme+"://…", scheme+"://user:password@host:port, with %40 for @ and %2F for / in a password")
	}
	a := address{network: "tcp"}
	if u.User != nil {
		a.username = u.User.Username()
		a.password, _ = u.User.Password()
	}
	u.User = nil
	query := u.Query()
	u.RawQuery = ""
	shown := u.String()
	db := ""
	switch u.Scheme {
	case "unix":
		a.network, a.address = "unix", u.Path
		if u.Host != "" || len(u.Path) < 2 {
			return address{}, wrong("address", shown, "an absolute path: unix:///run/redis.sock")
		}
	case "redis", "rediss":
		a.secured = u.Scheme == "rediss"
		port := u.Port()
		if port == "" {
			port = "6379"
		}
		if u.Hostname() == "" || !isPort(port) {
			return address{}, wrong("address", shown, u.Scheme+"://host:port with a port from 1 to 65535")
		}
		a.address = net.JoinHostPort(u.Hostname(), port)
		db = strings.TrimPrefix(u.Path, "/")
	default:
		return address{}, wrong("address", shown, addressForms)
	}
	for name := range query {
		if name != "db" {
			return address{}, wrong("address", shown+"?"+name, "no parameter but db")
		}
		db = query.Get("db")
	}
	if db != "" {
		a.db, err = strconv.Atoi(db)
		if err != nil || a.db < 0 {
			return address{}, wrong("address", shown, "a database number, not "+strconv.Quote(db))
		}
	}
	return a, nil
}

func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n > 0 && n < 1<<16
}

// hidden is an address without what may be a user and password.
func hidden(written string) string {
	return "…" + written[strings.LastIndex(written, "@"):]
}

// wrong is a mistake in one of the options of the block redis.
func wrong(option, value, want string) error {
	return &core.OptionError{Option: "redis." + option, Value: value, Want: want}
}
