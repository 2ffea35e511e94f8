package core

import "time"

func decideLog(l *Limit, s *State, now, cost int64) bool {
	if now < s.At {
		now = s.At
	}
	gone := 0
	for gone < len(s.Log) && now-s.Log[gone] >= l.window {
		gone++
	}
	s.Log = s.Log[gone:]
	s.Used = int64(len(s.Log))
	allowed := cost == 0 || s.Used+cost <= l.Rate.Count
	if !allowed {
		await(l, s, cost)
	} else if s.Used > 0 {
		await(l, s, 1)
	}
	return allowed
}

// await finds the time that has to leave the log before a hit of this cost fits.
func await(l *Limit, s *State, cost int64) {
	leave := s.Used + cost - l.Rate.Count
	if leave > s.Used {
		leave = s.Used
	}
	if leave < 1 {
		leave = 1
	}
	if s.Used > 0 {
		s.Leaves = s.Log[leave-1]
	}
}

func chargeLog(l *Limit, s *State, now, cost int64) {
	if cost == 0 {
		return
	}
	if now > s.At {
		s.At = now
	}
	for i := int64(0); i < cost; i++ {
		s.Log = append(s.Log, s.At)
	}
	s.Used += cost
	await(l, s, 1)
}

func refundLog(l *Limit, s *State, stamp, cost int64) {
	kept := s.Log[:0]
	for _, t := range s.Log {
		if t == stamp && cost > 0 {
			cost--
			continue
		}
		kept = append(kept, t)
	}
	s.Log = kept
	s.Used, s.At = int64(len(kept)), 0
	if s.Used > 0 {
		s.At = kept[s.Used-1]
	}
}

func describeLog(l *Limit, s *State, now int64, r *Result) {
	if s.Used < l.Rate.Count {
		r.Remaining = l.Rate.Count - s.Used
	}
	if s.Used == 0 {
		return
	}
	r.Refill = time.Duration(s.Leaves+l.window-now) * time.Microsecond
	r.Full = time.Duration(s.At+l.window-now) * time.Microsecond
}
