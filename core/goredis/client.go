// Package goredis runs the scripts of core/redis through go-redis, on hosts that
// are compiled.
package goredis

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/weirproxy/weir/core/redis"
)

// Client is a redis.Runner on go-redis: one server, a Cluster, or the master
// that Sentinels know.
type Client struct {
	driver  driver.UniversalClient
	cluster *driver.ClusterClient // nil unless it is one
	batcher *batcher              // nil for a Cluster
	target  *redis.Target

	// life ends with the client, and with it whatever is being dialled.
	life context.Context
	end  context.CancelFunc
}

// firstPause is how long Run waits before it asks again whoever answered that
// it is a replica; each further pause is twice as long.
const firstPause = 2 * time.Millisecond

// New makes a client. It does not dial; the first Run does. Errors are of type
// *core.OptionError.
func New(o redis.Options) (*Client, error) {
	target, err := o.Target()
	if err != nil {
		return nil, err
	}
	silence()
	c := &Client{target: target}
	c.life, c.end = context.WithCancel(context.Background())
	switch target.Shape {
	case redis.Cluster:
		c.cluster = driver.NewClusterClient(c.clusterOptions())
		c.driver = c.cluster
	case redis.Sentinels:
		c.driver = driver.NewFailoverClient(c.failoverOptions())
		c.batcher = &batcher{driver: c.driver}
	default:
		c.driver = driver.NewClient(c.singleOptions())
		c.batcher = &batcher{driver: c.driver}
	}
	return c, nil
}

// Run implements redis.Runner.
//
// A script may have run although its reply did not come, so nothing is sent
// twice, except to where it cannot have run: a server that has just become a
// replica, or that does not know the script.
func (c *Client) Run(deadline time.Time, script *redis.Script, keys, args []string) (string, error) {
	process := c.alone
	if c.batcher != nil {
		process = c.batcher.process
	}
	for pause := firstPause; ; pause *= 2 {
		reply, err := eval(process, deadline, script, keys, args)
		if err == nil || !driver.IsReadOnlyError(err) {
			return reply, c.translate(err)
		}
		// go-redis drops such a connection and looks the master up again when it
		// dials, unless the command was one of several.
		process = c.alone
		if time.Until(deadline) < pause {
			return "", c.translate(err)
		}
		time.Sleep(pause)
	}
}

// process sends a command and waits for its reply, until the deadline.
type process func(deadline time.Time, cmd driver.Cmder) error

func (c *Client) alone(deadline time.Time, cmd driver.Cmder) error {
	return alone(c.driver, deadline, cmd)
}

func eval(process process, deadline time.Time, script *redis.Script, keys, args []string) (string, error) {
	words := make([]string, 0, 3+len(keys)+len(args))
	words = append(words, "evalsha", script.SHA, strconv.Itoa(len(keys)))
	words = append(append(words, keys...), args...)
	reply, err := send(process, deadline, words)
	if err != nil && driver.HasErrorPrefix(err, "NOSCRIPT") {
		words[0], words[1] = "eval", script.Source
		reply, err = send(process, deadline, words)
	}
	return reply, err
}

func send(process process, deadline time.Time, words []string) (string, error) {
	// Pointers, since a string in an any is one more allocation.
	command := make([]any, len(words))
	for i := range words {
		command[i] = &words[i]
	}
	cmd := once{driver.NewCmd(context.Background(), command...)}
	if err := process(deadline, cmd); err != nil {
		return "", err
	}
	return cmd.Text()
}

// once is a command that go-redis does not send again by itself.
type once struct{ *driver.Cmd }

func (once) NoRetry() bool { return true }

// translate makes a ServerError of what the server answered. Any other failure
// of a Cluster may mean that a shard has moved.
func (c *Client) translate(err error) error {
	if err == nil {
		return nil
	}
	var answered driver.Error
	if errors.As(err, &answered) {
		return redis.ServerError(answered.Error())
	}
	if c.cluster != nil {
		c.cluster.ReloadState(c.life)
	}
	return err
}

// Sharded implements redis.Runner.
func (c *Client) Sharded() bool { return c.cluster != nil }

// Close implements redis.Runner.
func (c *Client) Close() error {
	c.end()
	return c.driver.Close()
}

// silence keeps go-redis from writing to standard error beside the host's log.
// What it would say is in the errors of Run. It has one logger for the process.
var silence = sync.OnceFunc(func() { driver.SetLogger(mute{}) })

type mute struct{}

func (mute) Printf(context.Context, string, ...any) {}

// dial connects, TLS included, within the dial timeout and the client's life.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.target.DialTimeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	conn, err := (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext(ctx, network, address)
	if err != nil || c.target.TLS == nil {
		return conn, err
	}
	return secure(ctx, conn, c.target.TLS, address)
}

// keepAlive finds out about a peer that has gone without a word.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}
