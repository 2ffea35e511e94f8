package resp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

const (
	// refreshInterval is how often at most the table is read.
	refreshInterval = 200 * time.Millisecond
	// maxNodes is as many as a Cluster should have at most, and bounds what
	// redirections to ever new addresses can use up.
	maxNodes = 1000
)

// cluster knows which node owns which slot. What it knows may be out of date:
// redirections correct single slots at once, and lead to a refresh.
type cluster struct {
	target *redis.Target
	data   login

	ctx        context.Context
	cancel     context.CancelFunc
	background sync.WaitGroup

	mu         sync.Mutex
	slots      []*pool // owners by slot, nil while unknown
	nodes      map[string]*pool
	refreshing context.Context // done when the refresh under way is, nil if none is
	next       time.Time       // of a refresh, at the earliest
	err        error           // of the last refresh
}

func newCluster(ctx context.Context, t *redis.Target, data login) *cluster {
	own, cancel := context.WithCancel(ctx)
	return &cluster{target: t, data: data, ctx: own, cancel: cancel, nodes: map[string]*pool{}}
}

// owner is the pool of the node that owns the keys.
func owner(c *cluster, deadline time.Time, keys []string) (*pool, error) {
	slot := 0
	if len(keys) > 0 {
		slot = slotOf(keys[0])
	}
	c.mu.Lock()
	if c.slots != nil && c.slots[slot] != nil {
		p := c.slots[slot]
		c.mu.Unlock()
		return p, nil
	}
	c.mu.Unlock()
	return c.search(deadline, slot)
}

// search finds the owner of a slot that has none in the table.
func (c *cluster) search(deadline time.Time, slot int) (*pool, error) {
	c.await(c.refresh(), deadline)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, errClosed
	}
	if c.slots == nil {
		if c.err != nil {
			return nil, c.err
		}
		return nil, fmt.Errorf("redis: no node of the Cluster has answered in time, first asked was %s", c.target.Addresses[0])
	}
	if p := c.slots[slot]; p != nil {
		return p, nil
	}
	return nil, redis.ServerError(fmt.Sprintf("CLUSTERDOWN no node serves slot %d", slot))
}

// node is the pool of the node at this address, nil if there cannot be one.
func (c *cluster) node(address string) *pool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodeLocked(address)
}

func (c *cluster) nodeLocked(address string) *pool {
	if p := c.nodes[address]; p != nil {
		return p
	}
	if c.ctx.Err() != nil || len(c.nodes) == maxNodes {
		return nil
	}
	p := newPool(c.ctx, c.target, func(ctx context.Context) (*conn, error) {
		return connect(ctx, c.target, address, c.data)
	})
	p.onLoss = func() { c.refresh() }
	c.nodes[address] = p
	return p
}

// moved notes a slot's new owner.
func (c *cluster) moved(slot int, p *pool) {
	c.mu.Lock()
	if c.slots != nil {
		c.slots[slot] = p
	}
	c.mu.Unlock()
	c.refresh()
}

// refresh has the table read anew in the background, unless that is under way or
// has just been done. It returns what to await, nil if nothing.
func (c *cluster) refresh() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refreshing != nil || c.ctx.Err() != nil || time.Now().Before(c.next) {
		return c.refreshing
	}
	ctx, done := context.WithCancel(c.ctx)
	c.refreshing = ctx
	c.background.Add(1)
	go c.load(c.candidates(), done)
	return ctx
}

// await waits for a refresh, by the deadline.
func (c *cluster) await(refreshing context.Context, deadline time.Time) {
	if refreshing == nil {
		return
	}
	ctx, cancel := context.WithDeadline(refreshing, deadline)
	defer cancel()
	<-ctx.Done()
}

// candidates are the addresses to ask: nodes that are connected first, then the
// others, then those of the options. mu is held.
func (c *cluster) candidates() []string {
	var connected, rest []string
	for address, p := range c.nodes {
		if p.healthy() {
			connected = append(connected, address)
		} else {
			rest = append(rest, address)
		}
	}
	for _, address := range c.target.Addresses {
		if c.nodes[address] == nil {
			rest = append(rest, address)
		}
	}
	return append(connected, rest...)
}

// load reads the table from the first candidate that has one.
func (c *cluster) load(candidates []string, done func()) {
	defer c.background.Done()
	defer done()
	ctx, cancel := context.WithTimeout(c.ctx, c.target.DialTimeout)
	defer cancel()
	var ranges []slotRange
	_, err := inTurn(ctx, candidates, func(ctx context.Context, address string) error {
		r, err := ask(ctx, c.target, address, c.data, command("CLUSTER", "SLOTS"))
		if err == nil {
			ranges, err = readSlots(address, r)
		}
		return err
	})
	if e, ok := err.(redis.ServerError); ok && strings.Contains(string(e), "cluster support disabled") {
		err = errors.New("redis: " + candidates[0] + " is no node of a Cluster; configure one address, or cluster: false")
	}
	c.mu.Lock()
	left := []*pool{}
	c.err = err
	if err == nil {
		left = c.replace(ranges)
	}
	c.refreshing = nil
	c.next = time.Now().Add(refreshInterval)
	c.mu.Unlock()
	for _, p := range left {
		p.close()
	}
}

// replace makes the ranges the table and returns the pools that nobody needs
// any more. mu is held.
func (c *cluster) replace(ranges []slotRange) []*pool {
	c.slots = make([]*pool, slotCount)
	owners := map[string]bool{}
	for _, r := range ranges {
		p := c.nodeLocked(r.address)
		owners[r.address] = true
		for slot := r.first; slot <= r.last; slot++ {
			c.slots[slot] = p
		}
	}
	var left []*pool
	for address, p := range c.nodes {
		// One that is in use may own slots soon: it was asked because of an ASK.
		if !owners[address] && p.unused() {
			delete(c.nodes, address)
			left = append(left, p)
		}
	}
	return left
}

// slotRange is some slots and the address of the master that owns them.
type slotRange struct {
	first, last int
	address     string
}

// close ends all connections and the refresh under way.
func (c *cluster) close() {
	// With mu held, so that no refresh begins hereafter.
	c.mu.Lock()
	c.cancel()
	nodes := c.nodes
	c.nodes = map[string]*pool{}
	c.mu.Unlock()
	for _, p := range nodes {
		p.close()
	}
	c.background.Wait()
}
