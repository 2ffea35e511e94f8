package core

import (
	"math"
	"time"
)

// State is what a store keeps of one identity under one limit; which fields
// mean something depends on the algorithm. Times are microseconds of the
// store's clock. The limit's own numbers are not in it: when a configuration
// changes them, live keys go on from where they are.
//
// The arithmetic on a State is written twice: here, and in the script of
// core/redis, operation by operation the same.
type State struct {
	// At is the start of a window, the time a debt was last reckoned, or the
	// newest time in a log.
	At int64

	// Used are the units charged in this window, or those in the log.
	Used int64

	// Previous are the units charged in the window before.
	Previous int64

	// Debt is a bucket's time until it is full again, as of At.
	Debt float64

	// Leaves is the time in a log that has to leave before the hit decided last
	// fits or, where it did fit, before one more does.
	Leaves int64

	// Blocked is when a block ends, 0 where there is none.
	Blocked int64

	// Log is the time of each unit in the last window, oldest first.
	Log []int64
}

// Decide says whether the limit alone lets the hit through, after bringing the
// state up to now. It charges nothing.
func (l *Limit) Decide(s *State, now, cost int64) bool {
	if s.Blocked > 0 {
		if s.Blocked > now {
			return false
		}
		*s = State{}
	}
	switch l.Algorithm {
	case FixedWindow:
		return l.decideFixed(s, now, cost)
	case SlidingWindow:
		return l.decideSliding(s, now, cost)
	case SlidingLog:
		return l.decideLog(s, now, cost)
	}
	return l.decideBucket(s, now, cost)
}

// Charge takes the cost of a hit that Decide let through, at the same now.
func (l *Limit) Charge(s *State, now, cost int64) {
	switch l.Algorithm {
	case FixedWindow, SlidingWindow:
		s.Used += cost
	case SlidingLog:
		l.chargeLog(s, now, cost)
	default:
		s.Debt += float64(float64(cost) * l.interval)
	}
}

// Refund gives back a cost that was charged at stamp, if it still counts.
func (l *Limit) Refund(s *State, stamp, cost int64) {
	if s.Blocked > 0 {
		return
	}
	switch l.Algorithm {
	case FixedWindow, SlidingWindow:
		l.refundWindow(s, stamp, cost)
	case SlidingLog:
		l.refundLog(s, stamp, cost)
	default:
		s.Debt = math.Max(0, s.Debt-float64(float64(cost)*l.interval))
	}
}

// Describe says what the state that a decision left means to the client. allowed
// is whether this limit let the hit through, charged whether it then took its
// cost; now is the store's time of the decision. It does not look at Log.
func (l *Limit) Describe(s State, now, cost int64, allowed, charged bool) Result {
	r := Result{Allowed: allowed, Charged: charged, Stamp: s.At}
	if s.Blocked > now {
		r.RetryAfter = micros(s.Blocked - now)
		r.Refill, r.Full = r.RetryAfter, r.RetryAfter
		return r
	}
	var retry, refill, full int64
	switch l.Algorithm {
	case FixedWindow:
		retry, refill, full = l.describeFixed(&s, &r)
	case SlidingWindow:
		retry, refill, full = l.describeSliding(&s, now, cost, &r)
	case SlidingLog:
		retry, refill, full = l.describeLog(&s, &r)
	default:
		retry, refill, full = l.describeBucket(&s, now, cost, &r)
	}
	if full > now {
		r.Full = micros(full - now)
	}
	if allowed {
		if refill > now {
			r.Refill = micros(refill - now)
		}
		return r
	}
	r.Delay = 0
	if cost > l.Capacity() {
		r.RetryAfter, r.Refill = Never, r.Full
		return r
	}
	r.RetryAfter = micros(1)
	if retry > now {
		r.RetryAfter = micros(retry - now)
	}
	r.Refill = r.RetryAfter
	return r
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
