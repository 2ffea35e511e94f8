package traefikplugin

import (
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/resp"
)

// caller is what a lane knows of one identity at one gate.
type caller struct {
	who string

	// command asks Redis.
	command string

	// denied is the answer it got last, if it was denied.
	denied *denial

	// share is what is leased for it, seen until when it counts as one that
	// calls, and fetching that somebody has gone to fetch, and will tell.
	share    *core.Share
	until    int64 // of share, by the lane's clock
	refill   int64
	seen     int64
	fetching bool
}

// meet finds the caller that a peer is.
func meet(l *lane, g *gate, peer string) *caller {
	who := peerIdentity(g.rule, peer)
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.callers[g.id+who]
	if c == nil {
		if len(l.callers) >= maxCallers {
			l.callers = map[string]*caller{}
		}
		c = &caller{who: who, command: resp.Command(g.script, []string{core.Key(g.limit, who)}, g.args)}
		l.callers[g.id+who] = c
	}
	return c
}

// learnDenial remembers an answer.
func learnDenial(l *lane, c *caller, d *denial) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.denied = d
	if d.until > l.flooded.Load() {
		l.flooded.Store(d.until)
	}
}

// learnShare remembers what is fetched ahead for a caller.
func learnShare(h *handler, l *lane, c *caller) {
	share := core.Borrow(h.limiter.Leases, time.Now(), h.simple.limits[0], c.who)
	now := int64(time.Since(l.origin))
	l.mu.Lock()
	defer l.mu.Unlock()
	c.fetching = false
	c.share = share
	if share != nil {
		c.until = now + int64(share.Lasts)
		c.refill = now + int64(share.Refill)
	}
}
