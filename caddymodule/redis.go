package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/weirproxy/weir/core/redis"
)

// Redis says how to reach the Redis where counters are kept. All texts may have
// global placeholders, such as `{env.REDIS_PASSWORD}` or
// `{file./run/secrets/redis}`.
type Redis struct {
	// Where the server is: `host:port`, `redis://`, `rediss://` (TLS) or
	// `unix://`. Several addresses are nodes of a Cluster, or Sentinels where
	// `master` is set.
	Address Addresses `json:"address,omitempty"`

	// Whether a single address is that of a Cluster.
	Cluster bool `json:"cluster,omitempty"`

	// The name under which the Sentinels know the master.
	Master string `json:"master,omitempty"`

	// The user. Default: the server's default user.
	Username string `json:"username,omitempty"`

	// The user's password.
	Password string `json:"password,omitempty"`

	// The user of the Sentinels.
	SentinelUsername string `json:"sentinel_username,omitempty"`

	// The password of the Sentinels.
	SentinelPassword string `json:"sentinel_password,omitempty"`

	// The number of the database. Default: 0.
	DB int `json:"db,omitempty"`

	// How to secure the connection. Default: TLS for `rediss://` by the
	// system's authorities, none otherwise.
	TLS *TLS `json:"tls,omitempty"`

	// How many connections are open to one server at most. Default: 16.
	PoolSize int `json:"pool_size,omitempty"`

	// The time for connecting, TLS and authentication. Default: `2s`.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`
}

// TLS says how connections to Redis are secured.
type TLS struct {
	// A PEM file with the authorities that may sign the server's certificate.
	// Default: the system's.
	CA string `json:"ca,omitempty"`

	// A PEM file with this client's certificate.
	Cert string `json:"cert,omitempty"`

	// A PEM file with the certificate's key.
	Key string `json:"key,omitempty"`

	// The name that the server's certificate must have. Default: the host of
	// the address.
	ServerName string `json:"server_name,omitempty"`

	// Accept any certificate.
	InsecureSkipVerify bool `json:"insecure_skip_verify,omitempty"`
}

// Addresses are one address, or a list of them.
type Addresses []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *Addresses) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		*a = Addresses{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// options replaces placeholders.
func (r *Redis) options(repl *caddy.Replacer) (redis.Options, error) {
	o := redis.Options{
		Cluster: r.Cluster, Master: r.Master,
		Username: r.Username, Password: r.Password,
		SentinelUsername: r.SentinelUsername, SentinelPassword: r.SentinelPassword,
		DB: r.DB, PoolSize: r.PoolSize, DialTimeout: time.Duration(r.DialTimeout),
	}
	if r.TLS != nil {
		tls := redis.TLS(*r.TLS)
		o.TLS = &tls
	}
	for option, text := range texts(&o) {
		var err error
		if *text, err = repl.ReplaceOrErr(*text, false, true); err != nil {
			return o, fmt.Errorf("redis.%s: %w", option, err)
		}
	}
	for _, address := range r.Address {
		replaced, err := replaceAddress(repl, address)
		if err != nil {
			return o, fmt.Errorf("redis.address: %w", err)
		}
		o.Addresses = append(o.Addresses, replaced)
	}
	return o, nil
}

// texts are the options that are text, but for the addresses.
func texts(o *redis.Options) map[string]*string {
	all := map[string]*string{
		"master": &o.Master, "username": &o.Username, "password": &o.Password,
		"sentinel_username": &o.SentinelUsername, "sentinel_password": &o.SentinelPassword,
	}
	if t := o.TLS; t != nil {
		all["tls.ca"], all["tls.cert"], all["tls.key"], all["tls.server_name"] = &t.CA, &t.Cert, &t.Key, &t.ServerName
	}
	return all
}

// hasPlaceholder reports whether anything is to be replaced.
func (r *Redis) hasPlaceholder() bool {
	all := append([]string{r.Master, r.Username, r.Password, r.SentinelUsername, r.SentinelPassword}, r.Address...)
	if r.TLS != nil {
		all = append(all, r.TLS.CA, r.TLS.Cert, r.TLS.Key, r.TLS.ServerName)
	}
	return slices.ContainsFunc(all, hasPlaceholder)
}

// replaceAddress replaces placeholders. Those in front of an @ stand for a user
// or a password: what they become is escaped, so that any character may be in
// it.
func replaceAddress(repl *caddy.Replacer, address string) (string, error) {
	at := strings.LastIndex(address, "@")
	if at < 0 || !strings.Contains(address, "://") {
		return repl.ReplaceOrErr(address, false, true)
	}
	user, err := repl.ReplaceFunc(address[:at], func(name string, value any) (any, error) {
		if value == nil {
			return nil, fmt.Errorf("unrecognized placeholder {%s}", name)
		}
		return strings.ReplaceAll(url.QueryEscape(caddy.ToString(value)), "+", "%20"), nil
	})
	if err != nil {
		return "", err
	}
	host, err := repl.ReplaceOrErr(address[at:], false, true)
	return user + host, err
}

// place names a Redis in logs and metrics, without its secrets.
func place(t *redis.Target) string {
	name := strings.Join(t.Addresses, ",")
	if t.Master != "" {
		name = t.Master + "@" + name
	}
	if t.DB != 0 {
		name += "/" + strconv.Itoa(t.DB)
	}
	return name
}
