package goredis

import (
	driver "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// bufferSize is enough for a few hits; go-redis's own would be 64 KiB for each
// connection.
const bufferSize = 4 << 10

const (
	none = -1 // go-redis's word for "not at all", where 0 is a default

	// RESP2 says all that a script replies, and has no pushes to look for before
	// each command.
	protocol = 2
)

// ContextTimeoutEnabled makes the deadline of a Run count for reading and
// writing too. The pause between commands that go-redis repeats does not matter:
// a Run's are not repeated, nor is a dial.

func (c *Client) singleOptions() *driver.Options {
	t := c.target
	return &driver.Options{
		Network:                  t.Network,
		Addr:                     t.Addresses[0],
		Dialer:                   c.dial,
		Username:                 t.Username,
		Password:                 t.Password,
		DB:                       t.DB,
		Protocol:                 protocol,
		MaxRetries:               none,
		DialTimeout:              t.DialTimeout,
		DialerRetries:            1,
		ContextTimeoutEnabled:    true,
		PoolSize:                 t.PoolSize,
		PipelinePoolSize:         none,
		ReadBufferSize:           bufferSize,
		WriteBufferSize:          bufferSize,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func (c *Client) clusterOptions() *driver.ClusterOptions {
	t := c.target
	return &driver.ClusterOptions{
		Addrs:                    t.Addresses,
		Dialer:                   c.dial,
		Username:                 t.Username,
		Password:                 t.Password,
		Protocol:                 protocol,
		MaxRetries:               none,
		MinRetryBackoff:          firstPause,
		DialTimeout:              t.DialTimeout,
		DialerRetries:            1,
		ContextTimeoutEnabled:    true,
		PoolSize:                 t.PoolSize,
		PipelinePoolSize:         none,
		ReadBufferSize:           bufferSize,
		WriteBufferSize:          bufferSize,
		DisableRoutingPolicies:   true,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func (c *Client) failoverOptions() *driver.FailoverOptions {
	t := c.target
	return &driver.FailoverOptions{
		MasterName:            t.Master,
		SentinelAddrs:         t.Addresses,
		SentinelUsername:      t.SentinelUsername,
		SentinelPassword:      t.SentinelPassword,
		Dialer:                c.dial,
		Username:              t.Username,
		Password:              t.Password,
		DB:                    t.DB,
		Protocol:              protocol,
		MaxRetries:            none,
		DialTimeout:           t.DialTimeout,
		DialerRetries:         1,
		ContextTimeoutEnabled: true,
		PoolSize:              t.PoolSize,
		PipelinePoolSize:      none,
		ReadBufferSize:        bufferSize,
		WriteBufferSize:       bufferSize,
		DisableIdentity:       true,
	}
}
