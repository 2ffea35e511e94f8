package core

import (
	"math"
	"time"
)

func decideBucket(l *Limit, s *State, now, cost int64) bool {
	if now > s.At {
		s.Debt -= float64(now - s.At)
		if s.Debt < 0 {
			s.Debt = 0
		}
		s.At = now
	}
	// The conversion keeps a compiler from fusing the two operations into one,
	// which would round otherwise than Lua does.
	return cost == 0 || s.Debt+float64(float64(cost)*l.interval) <= l.ceiling
}

func describeBucket(l *Limit, s *State, now, cost int64, r *Result) (retry, refill, full int64) {
	if l.interval == 0 {
		return 0, 0, 0
	}
	room := l.free
	if l.Algorithm == LeakyBucket {
		room = l.ceiling
	}
	// The allowance for rounding, so that a full bucket does not show one unit
	// less than it has.
	if n := int64((room - s.Debt + l.allowance) / l.interval); n > 0 {
		r.Remaining = n
	}
	if r.Charged && s.Debt > l.free {
		r.Delay = time.Duration(math.Ceil(s.Debt-l.free-l.allowance)) * time.Microsecond
		if waited := s.At - now; waited > 0 {
			r.Delay += time.Duration(waited) * time.Microsecond
		}
	}
	if s.Debt == 0 {
		return 0, 0, 0
	}
	full = s.At + int64(math.Ceil(s.Debt))
	r.Stamp = full
	if short := s.Debt + float64(r.Remaining+1)*l.interval - room; short > 0 {
		refill = s.At + int64(math.Ceil(math.Min(short, s.Debt)))
	}
	if !r.Allowed {
		retry = s.At + int64(math.Ceil(s.Debt+float64(cost)*l.interval-l.ceiling))
	}
	return retry, refill, full
}

// refundBucket gives back what is left of a charge that the bucket will have
// forgotten by stamp. What has drained since, later charges may have used.
func refundBucket(l *Limit, s *State, stamp, cost int64) {
	if left := math.Min(float64(float64(cost)*l.interval), float64(stamp-s.At)); left > 0 {
		s.Debt = math.Max(0, s.Debt-left)
	}
}
