package core

import (
	"sync"
	"time"
)

// maxLeases is how many identities are known in the time of a lease. Those
// beyond are asked for in the store, each time.
const maxLeases = 20_000

// Leases are the units that this process has fetched ahead, by limit and
// identity, and hands out without asking the store. All limiters on one store
// share one. It holds two times maxLeases at most, and needs no end.
//
//	unknown ── asked, nothing ahead ──▶ seen ── asked again within the time ──▶ leased
//	   ▲                                 ▲  │                                    │  │
//	   └──────── not asked for ──────────┘  └── out of time, with nothing used ──┘  │
//	                                               used up: twice as much ◀─────────┘
//	                                    out of time: as much as was used
//
// A decision of a lease is good for its Result and Stamp: a refund gives back
// to the window that the lease was charged to.
type Leases struct {
	mu sync.Mutex
	// Leases asked for in this life and in the one before it, which began then.
	// They go as a whole, so that nothing has to be swept; a unit that is left
	// in one is lost, as one that ran out of time.
	current, previous map[counterKey]*lease
	began             time.Time

	// life is the longest time of a lease so far, and longer than a store may
	// take to answer.
	life time.Duration
}

// lease is what this process knows of an identity since it last asked.
type lease struct {
	at      time.Time // before the store was asked
	granted int64
	left    int64
	result  Result // Remaining is what the store had left

	// fetches counts the store's answers, each of which makes it another lease.
	fetches int64

	// asking says that a decision is asking the store, and will note what it
	// said. Others that ask meanwhile fetch nothing.
	asking bool
}

// NewLeases makes an empty table.
func NewLeases() *Leases {
	return &Leases{current: map[counterKey]*lease{}, previous: map[counterKey]*lease{}, life: 5 * time.Second}
}

// spend decides hits by what was fetched ahead for them: all, or none.
func spend(t *Leases, now time.Time, hits []Hit) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range hits {
		if held(t, now, &hits[i]) == nil {
			return false
		}
	}
	for i := range hits {
		hand(held(t, now, &hits[i]), now, &hits[i])
	}
	return true
}

// held finds the lease that has enough for a hit, nil where none has. The lock
// is held.
func held(t *Leases, now time.Time, h *Hit) *lease {
	k := counterKey{h.Limit.Scope, h.Identity}
	l := t.current[k]
	if l == nil {
		l = t.previous[k]
	}
	if l == nil || l.left == 0 || l.left < h.Cost || now.Sub(l.at) >= h.Limit.Lease.Time {
		return nil
	}
	return l
}

// hand hands the hit's cost out. The lock is held.
func hand(l *lease, now time.Time, h *Hit) {
	l.left -= h.Cost
	age := now.Sub(l.at)
	h.Result = l.result
	h.Result.Remaining += l.left
	if h.Result.Refill -= age; h.Result.Refill < 0 {
		h.Result.Refill = 0
	}
	if h.Result.Full -= age; h.Result.Full < 0 {
		h.Result.Full = 0
	}
}

// errand is what a decision that asks the store fetches for one of its hits.
type errand struct {
	lease *lease // nil where what the store says is not to be noted
	units int64
}

// plan says what to fetch with these hits, nil where one of them has no lease:
// then the store is asked each time, and what is fetched would be of no use.
func plan(t *Leases, now time.Time, hits []Hit) []errand {
	for i := range hits {
		if hits[i].Limit.Lease.Units == 0 {
			return nil
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rotate(t, now)
	errands := make([]errand, len(hits))
	for i := range hits {
		h := &hits[i]
		if l := find(t, h); l != nil && !l.asking && h.Cost > 0 && !lasts(l, now, h) {
			l.asking = true
			errands[i] = errand{l, ahead(l, now, h)}
		}
	}
	return errands
}

// lasts reports whether something is left of a lease, although not enough for
// this hit. Others will use it. The lock is held.
func lasts(l *lease, now time.Time, h *Hit) bool {
	return l.left > 0 && now.Sub(l.at) < h.Limit.Lease.Time
}

// ahead is how many units to fetch besides the hit's own: twice as many as were
// used up before their time, or else as many as were used in it. The lock is
// held.
func ahead(l *lease, now time.Time, h *Hit) int64 {
	want := l.granted - l.left
	if now.Sub(l.at) < h.Limit.Lease.Time {
		if want *= 2; want < h.Cost {
			want = h.Cost
		}
	}
	if want > h.Limit.Lease.Units {
		want = h.Limit.Lease.Units
	}
	// The rest is for other processes.
	if most := l.result.Remaining / 2; want > most {
		want = most
	}
	return want - want%h.Cost
}

// find finds the identity's lease or makes an empty one, nil where there is no
// room. The lock is held.
func find(t *Leases, h *Hit) *lease {
	if h.Limit.Lease.Time > t.life {
		t.life = h.Limit.Lease.Time
	}
	k := counterKey{h.Limit.Scope, h.Identity}
	l := t.current[k]
	if l != nil {
		return l
	}
	if l = t.previous[k]; len(t.current) >= maxLeases {
		return l
	}
	if l == nil {
		l = &lease{}
	}
	t.current[k] = l
	delete(t.previous, k)
	return l
}

// note keeps what the store said, or that it said nothing. A lease that was
// forgotten meanwhile stays so.
func note(t *Leases, now time.Time, hits []Hit, errands []errand, answered bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range errands {
		l, r := errands[i].lease, &hits[i].Result
		if l == nil {
			continue
		}
		l.asking = false
		if !answered {
			continue
		}
		granted := errands[i].units
		if !r.Charged {
			granted = 0
		}
		l.at, l.granted, l.left, l.result = now, granted, granted, *r
		l.fetches++
		r.Remaining += granted
	}
}

// rotate forgets the leases that are over. The lock is held.
func rotate(t *Leases, now time.Time) {
	age := now.Sub(t.began)
	if age > -t.life && age < t.life {
		return
	}
	if age < 0 || age >= 2*t.life {
		t.current = map[counterKey]*lease{}
	}
	t.previous = t.current
	t.current = map[counterKey]*lease{}
	t.began = now
}

func forgetLease(t *Leases, limit *Limit, identity string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := counterKey{limit.Scope, identity}
	for _, l := range []*lease{t.current[k], t.previous[k]} {
		if l != nil {
			l.left = 0 // of shares too
		}
	}
	delete(t.current, k)
	delete(t.previous, k)
}
