package core

import (
	"sync"
	"time"
)

// Share is a lease in the hands of who spends it without a call for each unit,
// which an interpreter would charge for: with the Leases' Mutex held, while
// *Fetches is Fetch, *Left may be lowered, not below 0.
type Share struct {
	Left, Fetches *int64
	Fetch         int64

	// Remaining is what the store has left besides.
	Remaining int64

	// Lasts is for how long the share is good, Refill what it was in a Result.
	Lasts, Refill time.Duration
}

// Mutex guards the leases and their shares.
func (t *Leases) Mutex() *sync.Mutex { return &t.mu }

// Borrow is the lease of an identity as of now, nil where there is none.
func Borrow(t *Leases, now time.Time, limit *Limit, identity string) *Share {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := held(t, now, &Hit{Limit: limit, Identity: identity, Cost: 1})
	if l == nil {
		return nil
	}
	age := now.Sub(l.at)
	return &Share{
		Left: &l.left, Fetches: &l.fetches, Fetch: l.fetches, Remaining: l.result.Remaining,
		Lasts: limit.Lease.Time - age, Refill: l.result.Refill - age,
	}
}
