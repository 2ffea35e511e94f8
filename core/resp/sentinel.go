package resp

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

// lookout finds the master through the Sentinels. It is asked whenever the pool
// dials, when a connection has failed, and each tick: a failover may be under
// way.
type lookout struct {
	target *redis.Target
	data   login // at the master
	watch  login // at the Sentinels
	pool   *pool

	ctx        context.Context
	cancel     context.CancelFunc
	background sync.WaitGroup

	mu        sync.Mutex
	sentinels []string // the one that answered last comes first
	master    string   // "" where it has to be asked for
	checking  bool
	next      time.Time // of a check, at the earliest
}

// checkInterval is how often at most failures make the lookout ask.
const checkInterval = 500 * time.Millisecond

func newLookout(ctx context.Context, t *redis.Target, data login) *lookout {
	own, cancel := context.WithCancel(ctx)
	l := &lookout{
		target:    t,
		data:      data,
		watch:     login{username: t.SentinelUsername, password: t.SentinelPassword},
		ctx:       own,
		cancel:    cancel,
		sentinels: append([]string(nil), t.Addresses...),
	}
	l.pool = newPool(ctx, t, l.dial)
	l.pool.onLoss = l.suspect
	l.pool.onTick = l.look
	return l
}

// dial connects to the master. Where it is no longer what it was last, the
// Sentinels are asked.
func (l *lookout) dial(ctx context.Context) (*conn, error) {
	l.mu.Lock()
	master := l.master
	l.mu.Unlock()
	if master != "" {
		half, cancel := context.WithTimeout(ctx, l.target.DialTimeout/2)
		c, err := connect(half, l.target, master, l.data)
		cancel()
		if err == nil {
			return c, nil
		}
	}
	return l.find(ctx)
}

// find connects to what a Sentinel says is the master, if that agrees. One
// Sentinel may not have heard of a failover yet, another may.
func (l *lookout) find(ctx context.Context) (*conn, error) {
	l.mu.Lock()
	sentinels := append([]string(nil), l.sentinels...)
	l.mu.Unlock()
	var c *conn
	answering, err := inTurn(ctx, sentinels, func(ctx context.Context, sentinel string) error {
		master, err := l.ask(ctx, sentinel)
		if err == nil {
			c, err = connect(ctx, l.target, master, l.data)
		}
		return err
	})
	if err != nil {
		l.forget()
		return nil, fmt.Errorf("redis: the Sentinels lead to no master %q: %w", l.target.Master, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.master = c.address
	ordered := []string{answering}
	for _, s := range l.sentinels {
		if s != answering {
			ordered = append(ordered, s)
		}
	}
	l.sentinels = ordered
	return c, nil
}

// ask asks one Sentinel where the master is.
func (l *lookout) ask(ctx context.Context, sentinel string) (string, error) {
	question := command("SENTINEL", "get-master-addr-by-name", l.target.Master)
	r, err := ask(ctx, l.target, sentinel, l.watch, question)
	if err != nil {
		return "", err
	}
	if len(r.items) != 2 {
		return "", fmt.Errorf("the Sentinel %s knows none of this name", sentinel)
	}
	return net.JoinHostPort(r.items[0].text, r.items[1].text), nil
}

func (l *lookout) forget() {
	l.mu.Lock()
	l.master = ""
	l.mu.Unlock()
}

// suspect is told of a connection's failure. A master that hangs is not noticed
// by those connections to it that are idle: if there is another, they end.
func (l *lookout) suspect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.master = ""
	if now := time.Now(); now.After(l.next) && l.begin(l.check) {
		l.next = now.Add(checkInterval)
	}
}

// look finds out about a failover that breaks no connection: Sentinels that
// replace a master in good order leave the old one as it is for some seconds,
// and what it is told meanwhile is lost.
func (l *lookout) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin(l.compare)
}

// begin does a task in the background, unless one is under way. mu is held.
func (l *lookout) begin(task func(context.Context)) bool {
	if l.checking || l.ctx.Err() != nil {
		return false
	}
	l.checking = true
	l.background.Add(1)
	go l.run(task)
	return true
}

func (l *lookout) run(task func(context.Context)) {
	defer l.background.Done()
	ctx, cancel := context.WithTimeout(l.ctx, l.target.DialTimeout)
	defer cancel()
	task(ctx)
	l.mu.Lock()
	l.checking = false
	l.mu.Unlock()
}

// check ends the connections to all but the master.
func (l *lookout) check(ctx context.Context) {
	if c, err := l.find(ctx); err == nil {
		l.pool.evict(c.address)
		c.raw.Close()
	}
}

// compare checks where the Sentinels name another master than is known.
func (l *lookout) compare(ctx context.Context) {
	l.mu.Lock()
	known := l.master
	sentinels := append([]string(nil), l.sentinels...)
	l.mu.Unlock()
	named := ""
	_, err := inTurn(ctx, sentinels, func(ctx context.Context, sentinel string) error {
		master, err := l.ask(ctx, sentinel)
		named = master
		return err
	})
	if err == nil && named != known {
		l.check(ctx)
	}
}

func (l *lookout) close() {
	// With mu held, so that no check begins hereafter.
	l.mu.Lock()
	l.cancel()
	l.mu.Unlock()
	l.background.Wait()
}
