package core

import (
	"math"
	"time"
)

func decideFixed(l *Limit, s *State, now, cost int64) bool {
	if s.Used == 0 || now-s.At >= l.window {
		s.At, s.Used = now, 0
	}
	return cost == 0 || s.Used+cost <= l.Rate.Count
}

func describeFixed(l *Limit, s *State, now int64, r *Result) {
	if s.Used < l.Rate.Count {
		r.Remaining = l.Rate.Count - s.Used
	}
	if s.Used == 0 {
		return
	}
	r.Full = time.Duration(s.At+l.window-now) * time.Microsecond
	r.Refill = r.Full
}

func refundWindow(l *Limit, s *State, stamp, cost int64) {
	switch {
	case s.At == stamp && s.Used >= cost:
		s.Used -= cost
	case l.Algorithm == SlidingWindow && s.At == stamp+l.window && s.Previous >= cost:
		s.Previous -= cost
	}
}

func decideSliding(l *Limit, s *State, now, cost int64) bool {
	if now-s.At >= l.window || s.Used+s.Previous == 0 {
		slide(l, s, now)
	}
	if s.Previous > 0 {
		return cost == 0 || s.Used+cost+carried(l, s.Previous, now-s.At) <= l.Rate.Count
	}
	return cost == 0 || s.Used+cost <= l.Rate.Count
}

// slide begins a window.
func slide(l *Limit, s *State, now int64) {
	if s.Used+s.Previous == 0 || now-s.At >= 2*l.window {
		s.At, s.Used, s.Previous = now, 0, 0
	} else {
		s.At, s.Used, s.Previous = s.At+l.window, 0, s.Used
	}
}

// carried is how many units of the previous window still count when elapsed of
// this one has gone by. It is rounded up: the estimate never admits one that the
// weighted count would not.
func carried(l *Limit, previous, elapsed int64) int64 {
	if elapsed < 0 {
		elapsed = 0
	}
	if previous == 0 || elapsed >= l.window {
		return 0
	}
	return int64(math.Ceil(float64(previous) * float64(l.window-elapsed) / float64(l.window)))
}

// faded is how far into a window no more than room of the previous units count:
// where carried falls to room.
func faded(l *Limit, previous, room int64) int64 {
	switch {
	case room >= previous:
		return 0
	case previous > l.exact:
		return fadedRounded(l, previous, room)
	}
	return l.window - room*l.window/previous
}

// fadedRounded is faded where carried rounds the product in it.
func fadedRounded(l *Limit, previous, room int64) int64 {
	elapsed := l.window - int64(math.Floor(float64(room)*float64(l.window)/float64(previous)))
	// The two roundings are a step apart at most.
	if elapsed < l.window && carried(l, previous, elapsed) > room {
		elapsed++
	}
	return elapsed
}

// fits is when so many more units fit, if nothing else comes.
func fits(l *Limit, s *State, units int64) int64 {
	if room := l.Rate.Count - s.Used - units; room >= 0 {
		return s.At + faded(l, s.Previous, room)
	}
	return s.At + l.window + faded(l, s.Used, l.Rate.Count-units)
}

func describeSliding(l *Limit, s *State, now int64, r *Result) {
	switch {
	case s.Previous > 0:
		describeSlid(l, s, now, r)
		return
	case s.Used == 0:
		r.Remaining = l.Rate.Count
		return
	case s.Used < l.Rate.Count:
		r.Remaining = l.Rate.Count - s.Used
	}
	left := s.At + l.window - now
	r.Full = time.Duration(left+l.window) * time.Microsecond
	if r.Allowed {
		r.Refill = time.Duration(left+faded(l, s.Used, l.Rate.Count-r.Remaining-1)) * time.Microsecond
	}
}

// describeSlid describes a window with another before it.
func describeSlid(l *Limit, s *State, now int64, r *Result) {
	if n := l.Rate.Count - s.Used - carried(l, s.Previous, now-s.At); n > 0 {
		r.Remaining = n
	}
	full := s.At + l.window
	if s.Used > 0 {
		full += l.window
	}
	r.Full = time.Duration(full-now) * time.Microsecond
	if r.Allowed && r.Remaining < l.Rate.Count {
		r.Refill = time.Duration(fits(l, s, r.Remaining+1)-now) * time.Microsecond
	}
}
