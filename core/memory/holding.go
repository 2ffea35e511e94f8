package memory

import (
	"sync"
	"time"

	"github.com/weirproxy/weir/core"
)

// Holding is a key in the hands of who decides by it without a call, which an
// interpreter would charge for: with Mu held, while *Live is Life, State is the
// key's. Its Log is not to be touched.
type Holding struct {
	Mu    *sync.Mutex
	State *core.State

	Live *uint64
	Life uint64
}

// Hold is the key of this identity under the limit, nil where the store has none
// or it is blocked.
func Hold(s *Store, l *core.Limit, identity string) *Holding {
	sh, e := find(s, l, identity)
	defer sh.mu.Unlock()
	if e == nil || e.Blocked > 0 {
		return nil
	}
	return &Holding{Mu: &sh.mu, State: &e.State, Live: &e.life, Life: e.life}
}

// Clock is when the store's clock began, and the µs that it showed then.
func Clock(s *Store) (time.Time, int64) { return s.origin, s.originMicros }
