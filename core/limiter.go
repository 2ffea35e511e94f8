package core

import (
	"strings"
	"time"
)

// OnError is what a limiter does while its store does not answer.
type OnError int

const (
	// Local counts in the memory of this process, with the same limits.
	Local OnError = iota
	// Allow lets every request through.
	Allow
	// Deny answers every request that a limit matches with 503.
	Deny
)

// ParseOnError reads "local", "allow" or "deny"; "" is Local. The error is of
// type *OptionError, for the option "on_error".
func ParseOnError(s string) (OnError, error) {
	switch strings.ToLower(s) {
	case "", "local":
		return Local, nil
	case "allow":
		return Allow, nil
	case "deny":
		return Deny, nil
	}
	return Local, &OptionError{"on_error", s, "local, allow or deny"}
}

// Limiter decides requests: all hits of a request in one step, by its store or,
// while that does not answer, as its OnError says.
type Limiter struct {
	// Store keeps the counters.
	Store Store

	// Breaker guards a store that can be lost. It is nil for one that cannot:
	// the memory of this process.
	Breaker *Breaker

	// Denials spares the store what is certain to be denied. It is nil where the
	// store is as near as Denials would be.
	Denials *Denials

	// Leases are what was fetched ahead from a store with a Breaker. It is nil
	// where no limit has a lease.
	Leases *Leases

	// Fallback keeps the counters while Store is lost and OnError is Local.
	Fallback Store

	OnError OnError
}

// Decision is what to do with a request.
type Decision struct {
	// Allowed lets the request through, after Delay.
	Allowed bool

	// Delay is how long to hold an allowed request back.
	Delay time.Duration

	// RetryAfter is when a denied request would be allowed if nothing else
	// came, Never if it would not. 0 when allowed.
	RetryAfter time.Duration

	// Hit is the index of the hit that the answer reports: the one that denied
	// for longest, or else the one closest to exhaustion. -1 where no limit was
	// asked, or only dry runs.
	Hit int

	// Unavailable says that the store did not answer and OnError is Deny: the
	// request is denied for no fault of the client.
	Unavailable bool

	// Degraded says that the decision is not the store's.
	Degraded bool
}

// Decide fills in the Result of each hit and says what to do. Without hits it
// allows. now is the time in this process.
func (l *Limiter) Decide(now time.Time, hits []Hit) Decision {
	if len(hits) == 0 {
		return Decision{Allowed: true, Hit: -1}
	}
	if l.Breaker != nil {
		return decideGuarded(l, now, hits)
	}
	if l.Store.Take(now, hits) != nil {
		return decideAlone(l, now, hits)
	}
	return Summarize(hits)
}

// Reset makes the identity whole again in the store. This process lets it
// through at once, others within a second.
func (l *Limiter) Reset(limit *Limit, identity string) error {
	err := l.Store.Reset(limit, identity)
	if l.Denials != nil {
		forget(l.Denials, limit, identity)
	}
	if l.Leases != nil {
		forgetLease(l.Leases, limit, identity)
	}
	return err
}

// Block denies the identity in the store until d has passed. This process does
// so at once, others when what they have fetched ahead is over.
func (l *Limiter) Block(now time.Time, limit *Limit, identity string, d time.Duration) error {
	err := l.Store.Block(now, limit, identity, d)
	if l.Leases != nil {
		forgetLease(l.Leases, limit, identity)
	}
	return err
}

// decideGuarded asks a store that can be lost.
func decideGuarded(l *Limiter, now time.Time, hits []Hit) Decision {
	if l.Leases != nil {
		return decideLeased(l, now, hits)
	}
	if l.Breaker.open.Load() {
		return decideAlone(l, now, hits)
	}
	if l.Denials != nil && l.Denials.some.Load() {
		return decideFlooded(l, now, hits)
	}
	return decideStored(l, now, hits)
}

// decideFlooded asks the store unless it denied the same a moment ago.
func decideFlooded(l *Limiter, now time.Time, hits []Hit) Decision {
	if d, found := denyEarly(l.Denials, now, hits); found {
		return d
	}
	return decideStored(l, now, hits)
}

func decideStored(l *Limiter, now time.Time, hits []Hit) Decision {
	err := l.Store.Take(now, hits)
	if err == nil && l.Breaker.failures.Load() != 0 {
		l.Breaker.Succeeded()
	}
	return settle(l, now, hits, err)
}

// denyEarly denies what the store denied a moment ago. Of the other hits nothing
// is known.
func denyEarly(denials *Denials, now time.Time, hits []Hit) (Decision, bool) {
	i := known(denials, now, hits)
	if i < 0 {
		return Decision{}, false
	}
	for j := range hits {
		if j != i {
			hits[j].Result = Result{Allowed: true}
		}
	}
	return Decision{Hit: i, RetryAfter: hits[i].Result.RetryAfter}, true
}

// decideAlone does without the store.
func decideAlone(l *Limiter, now time.Time, hits []Hit) Decision {
	if d, hopeless := neverFits(hits); hopeless {
		return d
	}
	switch {
	case l.OnError == Local && l.Fallback != nil:
		if err := l.Fallback.Take(now, hits); err == nil {
			d := Summarize(hits)
			d.Degraded = true
			return d
		}
	case l.OnError == Deny:
		return Decision{Hit: -1, Unavailable: true, Degraded: true}
	}
	return Decision{Allowed: true, Hit: -1, Degraded: true}
}

// neverFits denies a hit that costs more than its limit can ever let pass: that
// takes no store to know. Of the other hits nothing is known, so that they are
// not named among those that denied.
func neverFits(hits []Hit) (Decision, bool) {
	for i := range hits {
		h := &hits[i]
		if h.Cost > h.Limit.capacity && !h.Limit.DryRun {
			for j := range hits {
				hits[j].Result = Result{Allowed: true}
			}
			h.Result = Result{RetryAfter: Never}
			return Decision{Hit: i, RetryAfter: Never}, true
		}
	}
	return Decision{}, false
}

// Summarize makes one decision of the Results of all hits.
func Summarize(hits []Hit) Decision {
	if len(hits) == 1 && !hits[0].Limit.DryRun {
		r := &hits[0].Result
		return Decision{Allowed: r.Allowed, Delay: r.Delay, RetryAfter: r.RetryAfter}
	}
	return summarizeAll(hits)
}

func summarizeAll(hits []Hit) Decision {
	d := Decision{Allowed: true, Hit: -1}
	for i := range hits {
		h := &hits[i]
		if h.Limit.DryRun {
			continue
		}
		r := &h.Result
		switch {
		case !r.Allowed:
			if d.Allowed || longer(r.RetryAfter, d.RetryAfter) {
				d.Hit, d.RetryAfter = i, r.RetryAfter
			}
			d.Allowed, d.Delay = false, 0
		case d.Allowed:
			if d.Hit < 0 || closer(h, &hits[d.Hit]) {
				d.Hit = i
			}
			if r.Delay > d.Delay {
				d.Delay = r.Delay
			}
		}
	}
	return d
}

func longer(a, b time.Duration) bool {
	return b != Never && (a == Never || a > b)
}

// closer reports whether a has a smaller part of its limit left than b.
func closer(a, b *Hit) bool {
	left := float64(a.Result.Remaining) * float64(b.Limit.capacity)
	right := float64(b.Result.Remaining) * float64(a.Limit.capacity)
	if left != right {
		return left < right
	}
	return a.Result.Remaining < b.Result.Remaining
}
