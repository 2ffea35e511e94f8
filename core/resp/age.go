package resp

import "time"

const (
	// tick is how often idle connections age: a clock that costs the calls
	// nothing.
	tick = time.Second
	// staleAge is how many ticks make us doubt that the peer is still there.
	staleAge = 2
	// idleAge is how many ticks without use close a connection.
	idleAge = 60
)

// age makes idle connections a tick older, and closes those that have not been
// used for long. As the one used last is taken first, these are the ones that
// the load does not need.
func (p *pool) age() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kept []*conn
	for _, c := range p.idle {
		if c.age == fresh {
			c.age = 0
		}
		c.age++
		if c.age <= idleAge {
			kept = append(kept, c)
			continue
		}
		delete(p.open, c)
		c.raw.Close()
	}
	p.idle = kept
	if p.closed || len(p.open) == 0 {
		p.aging = nil
		return
	}
	p.aging.Reset(tick)
	p.onTick()
}
