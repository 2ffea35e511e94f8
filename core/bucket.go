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

func describeBucket(l *Limit, s *State, now int64, r *Result) {
	if l.interval == 0 {
		return
	}
	// With the allowance for rounding, so that a full bucket does not show one
	// unit less than it has.
	r.Remaining = int64((l.room - s.Debt + l.allowance) / l.interval)
	if r.Remaining < 0 {
		r.Remaining = 0
	}
	if r.Charged && s.Debt > l.free {
		delayBucket(l, s, now, r)
	}
	if s.Debt == 0 {
		return
	}
	r.Stamp = s.At + int64(math.Ceil(s.Debt))
	r.Full = time.Duration(r.Stamp-now) * time.Microsecond
	if r.Allowed {
		refill := int64(math.Ceil(math.Min(s.Debt, s.Debt+float64(r.Remaining+1)*l.interval-l.room)))
		r.Refill = time.Duration(s.At+refill-now) * time.Microsecond
	}
}

// clears is how long the debt takes to make room for a cost that was denied. It
// asks as decideBucket does, which rounds otherwise than the difference.
func clears(l *Limit, s *State, cost int64) int64 {
	units := float64(float64(cost) * l.interval)
	n := int64(math.Ceil(s.Debt + units - l.ceiling))
	for n > 1 && s.Debt-float64(n-1)+units <= l.ceiling {
		n--
	}
	for s.Debt-float64(n)+units > l.ceiling {
		n++
	}
	return n
}

func delayBucket(l *Limit, s *State, now int64, r *Result) {
	r.Delay = time.Duration(math.Ceil(s.Debt-l.free-l.allowance)) * time.Microsecond
	if waited := s.At - now; waited > 0 {
		r.Delay += time.Duration(waited) * time.Microsecond
	}
}

// refundBucket gives back what is left of a charge that the bucket will have
// forgotten by stamp. What has drained since, later charges may have used.
func refundBucket(l *Limit, s *State, stamp, cost int64) {
	if left := math.Min(float64(float64(cost)*l.interval), float64(stamp-s.At)); left > 0 {
		s.Debt = math.Max(0, s.Debt-left)
	}
}
