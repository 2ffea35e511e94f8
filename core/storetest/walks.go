package storetest

import "github.com/weirproxy/weir/core"

// walks go through each algorithm step by step, with every number worked out
// by hand.
var walks = map[core.Algorithm]func(*script){
	core.FixedWindow:   walkFixedWindow,
	core.SlidingLog:    walkSlidingLog,
	core.SlidingWindow: walkSlidingWindow,
	core.TokenBucket:   walkTokenBucket,
	core.LeakyBucket:   walkLeakyBucket,
}

func walkFixedWindow(s *script) {
	l := s.limit("3/10s")
	s.allowed(l, 1, "2 left, refill 10s, full 10s")
	s.wait("4s")
	s.allowed(l, 1, "1 left, refill 6s, full 6s")
	s.denied(l, 2, "1 left, retry 6s, full 6s")
	s.allowed(l, 1, "0 left, refill 6s, full 6s")
	s.denied(l, 1, "0 left, retry 6s, full 6s")
	s.wait("6s")
	s.allowed(l, 1, "2 left, refill 10s, full 10s")
	s.wait("1h")
	s.allowed(l, 3, "0 left, refill 10s, full 10s")
}

func walkSlidingLog(s *script) {
	l := s.limit("3/10s")
	s.allowed(l, 1, "2 left, refill 10s, full 10s")
	s.wait("4s")
	s.allowed(l, 1, "1 left, refill 6s, full 10s")
	s.wait("3s")
	s.allowed(l, 1, "0 left, refill 3s, full 10s")
	s.denied(l, 1, "0 left, retry 3s, full 10s")
	s.denied(l, 2, "0 left, retry 7s, full 10s")
	s.denied(l, 3, "0 left, retry 10s, full 10s")
	s.wait("3s")
	s.allowed(l, 1, "0 left, refill 4s, full 10s")
	s.wait("7s")
	s.allowed(l, 2, "0 left, refill 3s, full 10s")
	s.wait("1h")
	s.allowed(l, 1, "2 left, refill 10s, full 10s")
}

func walkSlidingWindow(s *script) {
	l := s.limit("10/10s")
	// 6 weigh 5 where 5/6 of their window overlap: 1.666667 s into the next.
	s.allowed(l, 6, "4 left, refill 11.666667s, full 20s")
	s.denied(l, 5, "4 left, retry 11.666667s, full 20s")
	s.wait("10s")
	s.allowed(l, 1, "3 left, refill 1.666667s, full 20s")
	s.wait("5s")
	// Half of 6, the 1 of this window and 6 more.
	s.allowed(l, 6, "0 left, refill 1.666667s, full 15s")
	s.denied(l, 1, "0 left, retry 1.666667s, full 15s")
	// 4 do not fit into this window; into the next when 7 weigh 6 there.
	s.denied(l, 4, "0 left, retry 6.428572s, full 15s")
	s.wait("5s")
	s.allowed(l, 3, "0 left, refill 1.428572s, full 20s")
	s.wait("20s")
	s.allowed(l, 10, "0 left, refill 11s, full 20s")
}

// A bucket forgives a microsecond, so that adding fractions up never costs a
// unit: its retries come that much early.
func walkTokenBucket(s *script) {
	l := s.limit("5/10s", burst(3))
	s.allowed(l, 1, "2 left, refill 2s, full 2s")
	s.wait("1s")
	s.allowed(l, 1, "1 left, refill 1s, full 3s")
	s.allowed(l, 1, "0 left, refill 1s, full 5s")
	s.denied(l, 1, "0 left, retry 999.999ms, full 5s")
	s.denied(l, 3, "0 left, retry 4.999999s, full 5s")
	s.wait("1s")
	s.allowed(l, 1, "0 left, refill 2s, full 6s")
	s.wait("1h")
	s.allowed(l, 2, "1 left, refill 2s, full 4s")
}

func walkLeakyBucket(s *script) {
	l := s.limit("5/10s", burst(2))
	s.allowed(l, 1, "2 left, refill 1.999999s, full 2s")
	s.allowed(l, 1, "1 left, refill 1.999999s, full 4s, delay 1.999999s")
	s.wait("1s")
	s.allowed(l, 1, "0 left, refill 999.999ms, full 5s, delay 2.999999s")
	s.denied(l, 1, "0 left, retry 999.999ms, full 5s")
	s.wait("1s")
	s.allowed(l, 1, "0 left, refill 1.999999s, full 6s, delay 3.999999s")
	s.wait("1h")
	s.allowed(l, 3, "0 left, refill 1.999999s, full 6s, delay 3.999999s")
}

// maxWait holds a token bucket's requests back rather than deny them.
func maxWait(s *script) {
	l := s.limit("5/10s", burst(2), waits("3s"))
	s.allowed(l, 2, "0 left, refill 2s, full 4s")
	s.allowed(l, 1, "0 left, refill 4s, full 6s, delay 1.999999s")
	s.denied(l, 1, "0 left, retry 999.999ms, full 6s")
	s.wait("1s")
	s.allowed(l, 1, "0 left, refill 5s, full 7s, delay 2.999999s")
}

// spacing lets requests leave a leaky bucket an interval apart, whenever they
// came.
func spacing(s *script) {
	l := s.limit("10/1s", burst(20))
	interval := duration("100ms")
	begin := s.clock.Now()
	var last = begin.Add(-interval)
	for i, pause := range []string{"0s", "0s", "0s", "30ms", "1ms", "250ms", "0s", "99ms", "100ms", "0s"} {
		s.wait(pause)
		r := s.take(s.hit(l, 1))[0].Result
		leaves := s.clock.Now().Add(r.Delay)
		if !r.Allowed || leaves.Sub(last) < interval-2*duration("1µs") {
			s.Errorf("request %d is %v and leaves %v after the one before", i, r.Allowed, leaves.Sub(last))
		}
		last = leaves
	}
}
