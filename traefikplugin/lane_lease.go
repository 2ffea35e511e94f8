package traefikplugin

import (
	"time"

	"github.com/weirproxy/weir/core"
)

// share is what a loop of a lane knows of an identity under a limit that leases:
// that it was asked for, until when that counts, and what is fetched ahead.
type share struct {
	until int64 // by the lane's clock

	// fetching says that somebody has gone to fetch, and will tell.
	fetching bool

	// As in core.Share; left is nil where nothing is ahead.
	left, fetches            *int64
	fetch, remaining, refill int64
}

// maxShares is how many identities a lane knows. With one more it forgets them
// all, and finds out again.
const maxShares = 20_000

// learnShare tells the lane what is fetched ahead for a request's identity.
func learnShare(h *handler, l *lane, c *call) {
	if c.who == "" || c.gate.lease == 0 {
		return
	}
	told := &share{until: c.at + c.gate.lease}
	if s := core.Borrow(h.limiter.Leases, time.Now(), h.simple.limits[0], c.who); s != nil {
		now := int64(time.Since(l.origin))
		told = &share{
			until: now + int64(s.Lasts), left: s.Left, fetches: s.Fetches,
			fetch: s.Fetch, remaining: s.Remaining, refill: now + int64(s.Refill),
		}
	}
	l.mu.Lock()
	l.shares[c.gate.id+c.who] = told
	l.mu.Unlock()
}
