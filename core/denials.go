package core

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// denialLife is how long a denial is answered without asking the store.
	denialLife = time.Second

	// maxDenials is how many denials of one denialLife are remembered. Where
	// more clients than that are denied, the store is asked about the rest.
	maxDenials = 20_000
)

// Denials remembers who was denied and until when, so that a client that keeps
// calling does not reach the store. A limit that denied a hit denies the same
// hit until its RetryAfter is over, whatever else is charged. What makes it
// allow sooner is seen within denialLife: a refund, a reset, a raised limit.
//
// All limiters on one store share one. It holds two times maxDenials entries at
// most, and needs no end.
type Denials struct {
	some atomic.Bool

	mu sync.Mutex
	// Denials of this denialLife and of the one before it, which began then.
	// They go as a whole, so that nothing has to be swept.
	current, previous map[counterKey]denial
	began             time.Time
}

// counterKey says which counter of a store something is about.
type counterKey struct{ scope, identity string }

type denial struct {
	at     time.Time
	cost   int64
	result Result
}

// NewDenials makes an empty memory.
func NewDenials() *Denials {
	return &Denials{current: map[counterKey]denial{}, previous: map[counterKey]denial{}}
}

// known finds a hit that is certain to be denied, puts what is left of its
// Result there, and returns its index, -1 where there is none.
func known(d *Denials, now time.Time, hits []Hit) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	turn(d, now)
	for i := range hits {
		h := &hits[i]
		if h.Limit.DryRun {
			continue
		}
		k := counterKey{h.Limit.Scope, h.Identity}
		past, ok := d.current[k]
		if !ok {
			past, ok = d.previous[k]
		}
		if !ok || h.Cost < past.cost {
			continue
		}
		age := now.Sub(past.at)
		if age < 0 || age >= denialLife || age >= past.result.RetryAfter {
			continue
		}
		h.Result = past.result
		h.Result.RetryAfter -= age
		h.Result.Refill = h.Result.RetryAfter
		h.Result.Full -= age
		return i
	}
	return -1
}

// remember keeps what the store denied. A denial for ever is not kept: it
// depends on the cost alone.
func remember(d *Denials, now time.Time, hits []Hit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	turn(d, now)
	for i := range hits {
		h := &hits[i]
		if h.Result.Allowed || h.Limit.DryRun || h.Result.RetryAfter <= 0 || len(d.current) >= maxDenials {
			continue
		}
		d.current[counterKey{h.Limit.Scope, h.Identity}] = denial{now, h.Cost, h.Result}
		d.some.Store(true)
	}
}

// turn forgets the denials that are over. The lock is held.
func turn(d *Denials, now time.Time) {
	age := now.Sub(d.began)
	if age >= 0 && age < denialLife {
		return
	}
	if age >= 2*denialLife || age < 0 {
		d.current = map[counterKey]denial{}
	}
	d.previous = d.current
	d.current = map[counterKey]denial{}
	d.began = now
	d.some.Store(len(d.previous) > 0)
}

func forget(d *Denials, limit *Limit, identity string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := counterKey{limit.Scope, identity}
	delete(d.current, k)
	delete(d.previous, k)
}
