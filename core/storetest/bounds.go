package storetest

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirproxy/weir/core"
)

// concurrent lets exactly as many through as there are, however many come at
// once.
func concurrent(s *script) {
	l := s.limit("42/1h")
	var allowed atomic.Int64
	s.together(100, func() []core.Hit { return []core.Hit{s.hit(l, 1)} }, &allowed)
	if n := allowed.Load(); n != l.Capacity() {
		s.Errorf("%d of 100 were allowed, %d are due", n, l.Capacity())
	}
}

func concurrentAllOrNone(s *script) {
	wide, narrow := s.limit("1000/1h"), s.limit("42/1h")
	var allowed, turn atomic.Int64
	s.together(100, func() []core.Hit {
		if turn.Add(1)%2 == 0 {
			return []core.Hit{s.hit(narrow, 1), s.hit(wide, 1)}
		}
		return []core.Hit{s.hit(wide, 1), s.hit(narrow, 1)}
	}, &allowed)
	if n := allowed.Load(); n != narrow.Capacity() {
		s.Errorf("%d of 100 were allowed, %d are due", n, narrow.Capacity())
	}
	s.leftEventually(wide, wide.Capacity()-narrow.Capacity())
}

func (s *script) together(n int, hits func() []core.Hit, allowed *atomic.Int64) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-begin
			h := hits()
			if err := s.Store.Take(s.clock.Now(), h); err != nil {
				s.Error(err)
				return
			}
			for _, hit := range h {
				if !hit.Result.Allowed {
					return
				}
			}
			allowed.Add(1)
		}()
	}
	close(begin)
	wg.Wait()
}

// bounds are the largest and smallest numbers that a limit can have.
func bounds(s *script) {
	counts := []int64{1, 3, core.MaxCount}
	if s.algorithm == core.SlidingLog {
		counts[2] = core.MaxLogCount
	}
	for _, count := range counts {
		for _, window := range []string{"1ms", "1s", "366d"} {
			rate := strconv.FormatInt(count, 10) + "/" + window
			s.bound(s.limit(rate))
			if !s.algorithm.Waits() {
				continue
			}
			s.bound(s.limit(rate, burst(1)))
			s.bound(s.limit(rate, burst(1), waits("0s")))
			if window == "1ms" || count == core.MaxCount {
				// All that may wait take at most 366 days.
				s.bound(s.limit(rate, burst(core.MaxCount)))
				s.bound(s.limit(rate, burst(core.MaxCount), waits("8784h")))
			}
		}
	}
}

func (s *script) bound(l *core.Limit) {
	s.Helper()
	capacity := l.Capacity()
	if l.Algorithm.Waits() && capacity < l.Burst && l.MaxWait > 0 || capacity < 1 {
		s.Errorf("%s: a capacity of %d", l, capacity)
	}
	cost := capacity
	if cost > core.MaxCount {
		cost = core.MaxCount
	} else if r := s.peek(s.hit(l, capacity+1))[0].Result; r.Allowed || r.RetryAfter != core.Never {
		s.Errorf("%s: one more than %d: %s", l, capacity, words(r))
	}
	r := s.take(s.hit(l, cost))[0].Result
	longest := 2*core.MaxWindow + l.MaxWait + time.Microsecond
	if !r.Allowed || cost == capacity && r.Remaining != 0 || r.Full <= 0 || r.Full > longest || r.Delay > l.MaxWait+time.Microsecond {
		s.Errorf("%s: all %d: %s", l, cost, words(r))
	}
	if cost < capacity || s.Real && r.Full < time.Second {
		return
	}
	if r := s.take(s.hit(l, 1))[0].Result; r.Allowed {
		s.Errorf("%s: one more: %s", l, words(r))
	}
	s.retries(l, 1)
	if !s.peek(s.hit(l, capacity))[0].Result.Allowed {
		s.retries(l, capacity)
	}
	s.clock.Advance(2 * core.MaxWindow)
	if r := s.peek(s.hit(l, capacity))[0].Result; !r.Allowed || r.Full != 0 {
		s.Errorf("%s: in two years: %s", l, words(r))
	}
}
