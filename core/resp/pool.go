package resp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

const (
	// After a failed dial the next waits, twice as long after each failure.
	minBackoff = 100 * time.Millisecond
	maxBackoff = time.Second

	// maxWaiting is how many calls may wait for each connection of a pool.
	maxWaiting = 64
)

var (
	errBusy    = errors.New("redis: too many calls wait for a connection")
	errRetired = errors.New("redis: the server has left")
)

// pool is the connections to one server. A call that finds none at rest waits;
// dials run in the background for those who wait, so that a connection which
// takes longer than a call's deadline is there for the next.
type pool struct {
	dial func(context.Context) (*conn, error)

	// onLoss is told when connections break, with mu not held.
	onLoss func()

	// onTick is told each tick while connections are open, with mu held.
	onTick func()

	size        int
	dialTimeout time.Duration
	ctx         context.Context
	cancel      context.CancelFunc
	background  sync.WaitGroup

	mu      sync.Mutex
	idle    []*conn        // the one used last comes last
	open    map[*conn]bool // at rest and in use
	dialing int
	closed  bool
	aging   *time.Timer // runs while connections are open

	queue  []*waiter
	expiry *time.Timer
	wakes  time.Time // when expiry fires, zero if it does not

	err     error // of the last dial, nil if it succeeded
	retry   time.Time
	backoff time.Duration
}

func newPool(ctx context.Context, t *redis.Target, dial func(context.Context) (*conn, error)) *pool {
	own, cancel := context.WithCancel(ctx)
	return &pool{
		dial:        dial,
		onLoss:      func() {},
		onTick:      func() {},
		size:        t.PoolSize,
		dialTimeout: t.DialTimeout,
		ctx:         own,
		cancel:      cancel,
		open:        map[*conn]bool{},
	}
}

// take returns a connection that is the caller's until give or drop.
func take(p *pool, deadline time.Time) (*conn, error) {
	p.mu.Lock()
	n := len(p.idle) - 1
	if n < 0 {
		return wait(p, deadline)
	}
	c := p.idle[n]
	p.idle = p.idle[:n]
	p.mu.Unlock()
	if c.age >= staleAge {
		return p.verify(c, deadline)
	}
	return c, nil
}

// give takes a connection back that is good for the next call.
func give(p *pool, c *conn) {
	c.age = 0
	p.mu.Lock()
	if len(p.queue) == 0 {
		p.idle = append(p.idle, c)
	} else {
		hand(p, c)
	}
	p.mu.Unlock()
}

// verify makes sure that the peer of a connection which lay idle has not closed
// it meanwhile. It costs a round trip where few calls are made; what it buys is
// that a script is never sent twice to find that out.
func (p *pool) verify(c *conn, deadline time.Time) (*conn, error) {
	replies, err := converse(c, deadline, command("PING"), 1, maxScriptReply)
	if err == nil {
		err = replies[0].failure()
	}
	if err == nil {
		return c, nil
	}
	p.drop(c)
	if late(err) {
		p.onLoss()
		return nil, err
	}
	p.flush()
	p.mu.Lock()
	return wait(p, deadline)
}

// grow dials for those who wait, if that is allowed. After a failure one dial at
// a time finds out whether the server is back. mu is held.
func (p *pool) grow(now time.Time) {
	for p.dialing < len(p.queue) && len(p.open)+p.dialing < p.size && !p.closed {
		if p.err != nil && (p.dialing > 0 || now.Before(p.retry)) {
			return
		}
		p.dialing++
		p.background.Add(1)
		go p.dialOne()
	}
}

func (p *pool) dialOne() {
	defer p.background.Done()
	ctx, cancel := context.WithTimeout(p.ctx, p.dialTimeout)
	defer cancel()
	c, err := p.dial(ctx)

	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	if err != nil {
		p.backoff = between(minBackoff, 2*p.backoff, maxBackoff)
		p.fail(err, p.backoff)
		return
	}
	if p.closed {
		c.raw.Close()
		return
	}
	// Yaegi cannot assign nil beside other values.
	p.err = nil
	p.backoff = 0
	p.open[c] = true
	if p.aging == nil {
		p.aging = time.AfterFunc(tick, p.age)
	}
	if len(p.queue) == 0 {
		p.idle = append(p.idle, c)
	} else {
		hand(p, c)
	}
	p.grow(time.Now())
}

// fail remembers for a while that there is no point in dialling. mu is held.
func (p *pool) fail(err error, d time.Duration) {
	p.err = err
	p.retry = time.Now().Add(d)
	p.giveUp()
}

// drop ends a connection that the caller has taken and that must not be used
// again: a reply to its last command may still come.
func (p *pool) drop(c *conn) {
	c.raw.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	p.grow(time.Now())
	p.giveUp()
}

// reject drops a connection to a server that is not the right one. If it was
// dialled for this very call, dialling again would find the same for now.
func (p *pool) reject(c *conn, err error) (again bool) {
	again = c.age != fresh
	p.drop(c)
	if !again {
		p.mu.Lock()
		p.fail(err, minBackoff)
		p.mu.Unlock()
	}
	p.flush()
	return again
}

// flush drops what is idle: where one connection turned out dead, the others
// have the same peer.
func (p *pool) flush() {
	p.mu.Lock()
	for _, c := range p.idle {
		c.raw.Close()
		delete(p.open, c)
	}
	p.idle = nil
	p.mu.Unlock()
	p.onLoss()
}

// evict ends the connections to all servers but one. Those in use break.
func (p *pool) evict(but string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kept []*conn
	for _, c := range p.idle {
		if c.address == but {
			kept = append(kept, c)
		} else {
			delete(p.open, c)
			c.raw.Close()
		}
	}
	p.idle = kept
	for c := range p.open {
		if c.address != but {
			c.raw.Close()
		}
	}
}

// healthy reports whether there are connections and dialling does not fail.
func (p *pool) healthy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open) > 0 && p.err == nil
}

// unused reports whether the pool can be closed without anybody's noticing.
func (p *pool) unused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)+p.dialing+len(p.queue) == 0
}

// close ends all connections, those in use too, and waits for the dials.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.cancel()
	for c := range p.open {
		c.raw.Close()
	}
	p.open = map[*conn]bool{}
	p.idle = nil
	p.dismiss(errRetired)
	if p.aging != nil {
		p.aging.Stop()
	}
	if p.expiry != nil {
		p.expiry.Stop()
	}
	p.mu.Unlock()
	p.background.Wait()
}

func between(low, d, high time.Duration) time.Duration {
	if d < low {
		return low
	}
	if d > high {
		return high
	}
	return d
}
