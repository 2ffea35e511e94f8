// Package traefikplugin is weir as a Traefik plugin: it reads Traefik's
// configuration, counts requests by it, and answers those that are too many.
//
// Traefik does not compile it but interprets it with Yaegi v0.16. It therefore
// uses the standard library of Go 1.22 alone, and what each request runs are
// functions with few statements rather than methods with many.
package traefikplugin

// Config is the middleware's configuration. Either it is a limit itself, the
// one-line form, or it has a list of them.
//
// Every value is text or a list of texts, and is read by this package rather
// than by Traefik's decoder: so a mistake in one is told with its option, its
// value and what would be right. Traefik turns numbers and booleans into text.
type Config struct {
	// One is the only limit of the one-line form.
	One Limit `mapstructure:",squash"`

	// Limits are all asked in one step: if one denies, none is charged.
	Limits []Limit `mapstructure:"limits"`

	// Redis is where counters are; without it they are in this process's memory.
	Redis *Redis `mapstructure:"redis"`

	// Prefix is the first part of every key, by default "weir".
	Prefix string `mapstructure:"prefix"`

	// OnError is what to do when Redis does not answer: "local" (the default)
	// counts in memory, "allow" lets all through, "deny" answers 503.
	OnError string `mapstructure:"onError"`

	// Timeout is the whole time that a decision may spend on Redis, by default
	// 100ms.
	Timeout string `mapstructure:"timeout"`

	// Headers are "ratelimit" (the default) and "x-ratelimit", or "off".
	Headers []string `mapstructure:"headers"`

	// Response is what a denied client gets, by default 429 with problem details.
	Response *Response `mapstructure:"response"`

	// Jitter is the fraction of itself that is added to Retry-After at most, by
	// default 0.
	Jitter string `mapstructure:"jitter"`

	// MaxKeys is how many keys are kept in memory at most, by default 100000.
	MaxKeys string `mapstructure:"maxKeys"`

	// TrustedProxies are the networks whose X-Forwarded-For is believed; by
	// default none is.
	TrustedProxies []string `mapstructure:"trustedProxies"`

	// Average, Period, Burst (see Limit) and SourceCriterion are the options of
	// Traefik's own rateLimit and mean the same: see readTraefik.
	Average         string           `mapstructure:"average"`
	Period          string           `mapstructure:"period"`
	SourceCriterion *SourceCriterion `mapstructure:"sourceCriterion"`
}

// Limit is how much may pass, and what is counted.
type Limit struct {
	// Name is the limit's own; limits of one name, prefix and Redis share
	// counters. The one-line form has the middleware's name by default.
	Name string `mapstructure:"name"`

	// Rate is such as "100/1m"; several make one limit each.
	Rate []string `mapstructure:"rate"`

	// Algorithm is sliding-window (the default), sliding-log, fixed-window,
	// token-bucket or leaky-bucket.
	Algorithm string `mapstructure:"algorithm"`

	// Burst is the size of a token-bucket, or how many may wait before a
	// leaky-bucket; by default the rate's count.
	Burst string `mapstructure:"burst"`

	// MaxWait is how long a request is held back rather than denied.
	MaxWait string `mapstructure:"maxWait"`

	// Key is who is counted, by default "ip".
	Key string `mapstructure:"key"`

	// IPv4Prefix and IPv6Prefix are how many bits of an address count, 0 for
	// all; by default 0 and 64.
	IPv4Prefix string `mapstructure:"ipv4Prefix"`
	IPv6Prefix string `mapstructure:"ipv6Prefix"`

	// Cost is how many units a request takes, by default 1.
	Cost string `mapstructure:"cost"`

	// Match says which requests count, by default all.
	Match *Match `mapstructure:"match"`

	// Exempt are addresses and networks never counted nor denied.
	Exempt []string `mapstructure:"exempt"`

	// DryRun counts and logs, and never denies or delays.
	DryRun string `mapstructure:"dryRun"`

	// Lease is how many units are fetched ahead from Redis for each key at most,
	// and for how long they last: "50 1s", or "50" for a second. By default none.
	Lease string `mapstructure:"lease"`

	Unknown map[string]any `mapstructure:",remain"`
}

// Match is true of a request for which each option that is given has a value
// that fits. In values, "*" stands for any text.
type Match struct {
	Methods []string            `mapstructure:"methods"`
	Hosts   []string            `mapstructure:"hosts"`
	Paths   []string            `mapstructure:"paths"`
	Headers map[string][]string `mapstructure:"headers"`

	Unknown map[string]any `mapstructure:",remain"`
}

// Redis is how to reach a Redis in any shape. Any value may be "env:NAME" or
// "file:/path".
type Redis struct {
	// Address is host:port, redis://, rediss:// or unix://. Several are a
	// Cluster's nodes, or Sentinels where Master is set.
	Address []string `mapstructure:"address"`

	// Cluster says that a single address is that of a Cluster.
	Cluster string `mapstructure:"cluster"`

	// Master is the name under which the Sentinels know the master.
	Master string `mapstructure:"master"`

	Username         string `mapstructure:"username"`
	Password         string `mapstructure:"password"`
	SentinelUsername string `mapstructure:"sentinelUsername"`
	SentinelPassword string `mapstructure:"sentinelPassword"`

	// DB is the database's number, by default 0.
	DB string `mapstructure:"db"`

	// TLS secures connections; without it only a rediss:// address does.
	TLS *TLS `mapstructure:"tls"`

	// PoolSize is how many connections are open at most to each server, by
	// default 16.
	PoolSize string `mapstructure:"poolSize"`

	// DialTimeout bounds the time to connect, by default 2s.
	DialTimeout string `mapstructure:"dialTimeout"`

	// What Traefik's own rateLimit has besides: see readTraefikRedis.
	Endpoints      []string `mapstructure:"endpoints"`
	MinIdleConns   string   `mapstructure:"minIdleConns"`
	MaxActiveConns string   `mapstructure:"maxActiveConns"`
	ReadTimeout    string   `mapstructure:"readTimeout"`
	WriteTimeout   string   `mapstructure:"writeTimeout"`

	Unknown map[string]any `mapstructure:",remain"`
}

// TLS is how connections to Redis are secured.
type TLS struct {
	// CA, Cert and Key are paths of PEM files, or PEM.
	CA   string `mapstructure:"ca"`
	Cert string `mapstructure:"cert"`
	Key  string `mapstructure:"key"`

	// ServerName is the name that the server's certificate must have, by
	// default the host in the address.
	ServerName string `mapstructure:"serverName"`

	InsecureSkipVerify string `mapstructure:"insecureSkipVerify"`

	Unknown map[string]any `mapstructure:",remain"`
}

// Response is what a denied client gets.
type Response struct {
	Status      string `mapstructure:"status"`
	ContentType string `mapstructure:"contentType"`
	Body        string `mapstructure:"body"`

	Unknown map[string]any `mapstructure:",remain"`
}

// SourceCriterion is who is counted, as Traefik's own rateLimit has it.
type SourceCriterion struct {
	IPStrategy        *IPStrategy `mapstructure:"ipStrategy"`
	RequestHeaderName string      `mapstructure:"requestHeaderName"`
	RequestHost       string      `mapstructure:"requestHost"`

	Unknown map[string]any `mapstructure:",remain"`
}

// IPStrategy is which address counts, as Traefik's own rateLimit has it.
type IPStrategy struct {
	Depth       string   `mapstructure:"depth"`
	ExcludedIPs []string `mapstructure:"excludedIPs"`
	IPv6Subnet  string   `mapstructure:"ipv6Subnet"`

	Unknown map[string]any `mapstructure:",remain"`
}

// CreateConfig makes the configuration that Traefik fills in.
func CreateConfig() *Config { return &Config{} }
