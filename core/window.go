package core

import "math"

func decideFixed(l *Limit, s *State, now, cost int64) bool {
	if s.Used == 0 || now-s.At >= l.window {
		s.At, s.Used = now, 0
	}
	return cost == 0 || s.Used+cost <= l.Rate.Count
}

func describeFixed(l *Limit, s *State, r *Result) (retry, refill, full int64) {
	if s.Used < l.Rate.Count {
		r.Remaining = l.Rate.Count - s.Used
	}
	if s.Used == 0 {
		return 0, 0, 0
	}
	end := s.At + l.window
	return end, end, end
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
	elapsed := now - s.At
	switch {
	case s.Used == 0 && s.Previous == 0, elapsed >= 2*l.window:
		s.At, s.Used, s.Previous = now, 0, 0
	case elapsed >= l.window:
		s.At, s.Used, s.Previous = s.At+l.window, 0, s.Used
	}
	return cost == 0 || s.Used+cost+carried(l, s.Previous, now-s.At) <= l.Rate.Count
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
	if room >= previous {
		return 0
	}
	elapsed := l.window - int64(math.Floor(float64(room)*float64(l.window)/float64(previous)))
	for elapsed < l.window && carried(l, previous, elapsed) > room {
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

func describeSliding(l *Limit, s *State, now, cost int64, r *Result) (retry, refill, full int64) {
	if n := l.Rate.Count - s.Used - carried(l, s.Previous, now-s.At); n > 0 {
		r.Remaining = n
	}
	switch {
	case s.Used > 0:
		full = s.At + 2*l.window
	case s.Previous > 0:
		full = s.At + l.window
	default:
		return 0, 0, 0
	}
	if r.Allowed {
		if r.Remaining < l.Rate.Count {
			refill = fits(l, s, r.Remaining+1)
		}
		return 0, refill, full
	}
	if cost <= l.Rate.Count {
		retry = fits(l, s, cost)
	}
	return retry, 0, full
}
