// Package resp runs scripts on Redis with the standard library alone. It is for
// hosts that interpret their plugins, where no Redis client runs: Traefik reads
// it with Yaegi.
//
// It speaks RESP2 to a single server, a Cluster, or a master found through
// Sentinels. Servers are dialled on first use, in the background, and have a
// bounded pool of connections each.
//
// What Yaegi charges for shapes the code that every decision runs: a string
// concatenation or a channel operation costs 0.1 µs there, a call of a function
// or into the standard library half of one, an interpreted method call two or
// three. So that path is made of a few plain functions, of concatenation, and
// of tables instead of strconv. Elsewhere methods are used as anywhere. Nowhere
// is there a select: see waiter.
package resp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

var _ redis.Runner = (*Client)(nil)

// Client is a redis.Runner.
type Client struct {
	pool    *pool    // of the one server there is, nil for a Cluster
	cluster *cluster // nil for a single server
	lookout *lookout // on the Sentinels, nil without them

	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once
}

var errClosed = errors.New("redis: the client is closed")

// New makes a client. It checks the options and dials nothing; their mistakes
// are *core.OptionError.
func New(options redis.Options) (*Client, error) {
	t, err := options.Target()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{ctx: ctx, cancel: cancel}
	data := login{username: t.Username, password: t.Password, db: t.DB}
	switch t.Shape {
	case redis.Cluster:
		c.cluster = newCluster(ctx, t, data)
	case redis.Sentinels:
		data.master = true
		c.lookout = newLookout(ctx, t, data)
		c.pool = c.lookout.pool
	default:
		address := t.Addresses[0]
		c.pool = newPool(ctx, t, func(ctx context.Context) (*conn, error) {
			return connect(ctx, t, address, data)
		})
	}
	return c, nil
}

// Run implements redis.Runner.
func (c *Client) Run(deadline time.Time, script *redis.Script, keys, args []string) (string, error) {
	p := c.pool
	var err error
	if p == nil {
		p, err = owner(c.cluster, deadline, keys)
		if err != nil {
			return "", err
		}
	}
	outcome := unreached
	reply := ""
	cn, err := take(p, deadline)
	if err == nil {
		reply, outcome, err = exchange(cn, deadline, evalsha(script, keys, args))
		if outcome == answered {
			give(p, cn)
			return reply, nil
		}
	}
	first := &call{client: c, deadline: deadline, script: script, keys: keys, args: args, pool: p}
	return first.pursue(cn, outcome, err)
}

func (c *Client) closing() bool { return c.ctx.Err() != nil }

// Sharded implements redis.Runner.
func (c *Client) Sharded() bool { return c.cluster != nil }

// Close implements redis.Runner. Nothing of the client is left when it returns.
func (c *Client) Close() error {
	c.once.Do(func() {
		c.cancel()
		if c.cluster != nil {
			c.cluster.close()
		}
		if c.lookout != nil {
			c.lookout.close()
		}
		if c.pool != nil {
			c.pool.close()
		}
	})
	return nil
}
