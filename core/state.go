package core

import "time"

// State is what a store keeps of one identity under one limit; which fields
// mean something depends on the algorithm. Times are microseconds of the
// store's clock. The limit's own numbers are not in it: when a configuration
// changes them, live keys go on from where they are.
//
// The arithmetic on a State is written twice: here, and in the script of
// core/redis, operation by operation the same.
type State struct {
	// Blocked is when a block ends, 0 where there is none.
	Blocked int64

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

	// Log is the time of each unit in the last window, oldest first.
	Log []int64
}

// Decide says whether the limit alone lets the hit through, after bringing the
// state up to now. It charges nothing.
func Decide(l *Limit, s *State, now, cost int64) bool {
	if s.Blocked > 0 {
		if s.Blocked > now {
			return false
		}
		*s = State{}
	}
	switch l.Algorithm {
	case FixedWindow:
		return decideFixed(l, s, now, cost)
	case SlidingWindow:
		return decideSliding(l, s, now, cost)
	case SlidingLog:
		return decideLog(l, s, now, cost)
	}
	return decideBucket(l, s, now, cost)
}

// Charge takes the cost of a hit that Decide let through, at the same now.
func Charge(l *Limit, s *State, now, cost int64) {
	switch l.Algorithm {
	case FixedWindow, SlidingWindow:
		s.Used += cost
	case SlidingLog:
		chargeLog(l, s, now, cost)
	default:
		s.Debt += float64(float64(cost) * l.interval)
	}
}

// Refund gives back a cost that was charged at stamp, if it still counts.
func Refund(l *Limit, s *State, stamp, cost int64) {
	if s.Blocked > 0 {
		return
	}
	switch l.Algorithm {
	case FixedWindow, SlidingWindow:
		refundWindow(l, s, stamp, cost)
	case SlidingLog:
		refundLog(l, s, stamp, cost)
	default:
		refundBucket(l, s, stamp, cost)
	}
}

// Describe puts into r what the state that a decision left means to the client.
// allowed is whether this limit let the hit through, charged whether it then
// took its cost; now is the store's time of the decision. It does not look at
// Log.
func Describe(l *Limit, s *State, now, cost int64, allowed, charged bool, r *Result) {
	*r = Result{Allowed: allowed, Charged: charged, Stamp: s.At}
	switch {
	case s.Blocked > now:
		r.Full = time.Duration(s.Blocked-now) * time.Microsecond
	case l.Algorithm == SlidingWindow:
		describeSliding(l, s, now, r)
	case l.Algorithm == FixedWindow:
		describeFixed(l, s, now, r)
	case l.Algorithm == SlidingLog:
		describeLog(l, s, now, r)
	default:
		describeBucket(l, s, now, r)
	}
	if !allowed {
		describeDenial(l, s, now, cost, r)
	}
}

// describeDenial says when a denied hit would be allowed.
func describeDenial(l *Limit, s *State, now, cost int64, r *Result) {
	if cost > l.capacity {
		r.RetryAfter, r.Refill = Never, r.Full
		return
	}
	var retry int64
	switch {
	case s.Blocked > now:
		retry = s.Blocked
	case l.Algorithm == SlidingWindow:
		retry = fits(l, s, cost)
	case l.Algorithm == FixedWindow:
		retry = s.At + l.window
	case l.Algorithm == SlidingLog:
		retry = s.Leaves + l.window
	default:
		retry = s.At + clears(l, s, cost)
	}
	r.RetryAfter = time.Microsecond
	if retry > now {
		r.RetryAfter = time.Duration(retry-now) * time.Microsecond
	}
	r.Refill = r.RetryAfter
}
