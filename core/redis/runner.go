package redis

import (
	"crypto/sha1"
	"encoding/hex"
	"time"
)

// Runner runs scripts on a Redis server, however that server is reached. It is
// all that the store asks of a client: core/goredis has one on go-redis for
// compiled hosts, core/resp one on the standard library for interpreted ones.
//
// A Runner is safe for concurrent use.
type Runner interface {
	// Run runs the script and returns its reply, which is always a string. It
	// tries EVALSHA and, on NOSCRIPT, EVAL once. All keys belong to one shard.
	//
	// Run returns by the deadline: connecting, waiting for a connection and
	// following redirections included. An error that the server answered is a
	// ServerError; any other means that the server could not be asked, and the
	// script may or may not have run.
	Run(deadline time.Time, script *Script, keys, args []string) (string, error)

	// Sharded reports whether keys of different hash tags may live on different
	// servers, so that one script cannot touch them together.
	Sharded() bool

	// Close ends all connections. Calls that are under way fail.
	Close() error
}

// Script is a Lua script and its SHA-1, by which Redis knows it.
type Script struct {
	Source string
	SHA    string
}

// NewScript computes the script's SHA once, for all its runs.
func NewScript(source string) *Script {
	sum := sha1.Sum([]byte(source))
	return &Script{Source: source, SHA: hex.EncodeToString(sum[:])}
}

// ServerError is an error that the server answered, such as
// "OOM command not allowed when used memory > 'maxmemory'.".
type ServerError string

func (e ServerError) Error() string { return "redis: " + string(e) }

// Options say how to reach a Redis, in every shape. Both runners take the same.
type Options struct {
	// Addresses are where the servers are, each host:port, redis://, rediss://
	// or unix://. Several are a Cluster's nodes, or Sentinels where Master is
	// set. A URL's user, password and database fill in what the fields leave
	// empty.
	Addresses []string

	// Cluster says that a single address is that of a Cluster.
	Cluster bool

	// Master is the name under which the Sentinels know the master.
	Master string

	Username         string
	Password         string
	SentinelUsername string
	SentinelPassword string

	// DB is the database's number, 0 to 15 by default on the server; a Cluster
	// has only 0.
	DB int

	// TLS is nil for a connection in clear.
	TLS *TLS

	// PoolSize is how many connections are open to one server at most, 0 for
	// DefaultPoolSize.
	PoolSize int

	// DialTimeout bounds connecting, TLS and authentication, 0 for
	// DefaultDialTimeout. A decision never waits longer than its own deadline.
	DialTimeout time.Duration
}

// TLS is how connections are secured.
type TLS struct {
	// CA, Cert and Key name PEM files, or hold PEM themselves: the authorities
	// that may sign the server's certificate (none: the system's), and this
	// client's own certificate and key.
	CA, Cert, Key string

	// ServerName is the name that the server's certificate must have, by
	// default the host dialled.
	ServerName string

	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool
}

const (
	// DefaultPoolSize suits a proxy on a few cores: a decision holds a
	// connection for one round trip only.
	DefaultPoolSize = 16

	// DefaultDialTimeout is generous for a data centre.
	DefaultDialTimeout = 2 * time.Second
)
