package storetest

import (
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

func retryIsExact(s *script) {
	l := s.limit("7/1h")
	for round := 0; round < 5; round++ {
		for s.take(s.hit(l, 1))[0].Result.Allowed {
			s.clock.Advance(173 * time.Second / 7)
		}
		s.retries(l, 1)
		s.drain(l)
		s.retries(l, 3)
		s.clock.Advance(time.Duration(round) * 11 * time.Minute)
	}
}

func costsAboveOne(s *script) {
	l := s.limit("10/1m")
	capacity := l.Capacity()
	s.take(s.hit(l, capacity-3))
	if r := s.take(s.hit(l, 4))[0].Result; r.Allowed || r.Remaining != 3 {
		s.Errorf("4 of 3: %s", words(r))
	}
	if r := s.take(s.hit(l, 3))[0].Result; !r.Allowed || r.Remaining != 0 {
		s.Errorf("3 of 3: %s", words(r))
	}
	s.retries(l, 2)
}

func costsAboveCapacity(s *script) {
	l := s.limit("10/1m")
	capacity := l.Capacity()
	for _, cost := range []int64{capacity + 1, core.MaxCount} {
		if r := s.take(s.hit(l, cost))[0].Result; r.Allowed || r.RetryAfter != core.Never || r.Remaining != capacity {
			s.Errorf("cost %d of %d: %s", cost, capacity, words(r))
		}
	}
	if r := s.take(s.hit(l, capacity))[0].Result; !r.Allowed {
		s.Errorf("the whole capacity of %d: %s", capacity, words(r))
	}
}

func costsNothing(s *script) {
	l := s.limit("3/1m")
	capacity := l.Capacity()
	for i := 0; i < 5; i++ {
		if r := s.take(s.hit(l, 0))[0].Result; !r.Allowed || r.Remaining != capacity || r.Full != 0 {
			s.Errorf("before: %s", words(r))
		}
	}
	if n := s.drain(l); n != capacity {
		s.Errorf("%d were allowed of %d", n, capacity)
	}
	if r := s.take(s.hit(l, 0))[0].Result; !r.Allowed || r.Remaining != 0 {
		s.Errorf("after: %s", words(r))
	}
}

func nothingPasses(s *script) {
	l := s.limit("0/1m")
	for i := 0; i < 3; i++ {
		s.denied(l, 1, "0 left, never, full 0s")
		s.wait("1h")
	}
	s.allowed(l, 0, "0 left, refill 0s, full 0s")
}

func allOrNone(s *script) {
	wide, narrow := s.limit("100/1m"), s.limit("2/1m")
	capacity := narrow.Capacity()
	for i := int64(1); i <= capacity; i++ {
		hits := s.take(s.hit(wide, 1), s.hit(narrow, 1))
		if hits[0].Result.Remaining != wide.Capacity()-i || hits[1].Result.Remaining != capacity-i {
			s.Errorf("after %d: %s; %s", i, words(hits[0].Result), words(hits[1].Result))
		}
	}
	for i := 0; i < 3; i++ {
		// Neither order charges the wide limit.
		hits := s.take(s.hit(wide, 1), s.hit(narrow, 1))
		if !hits[0].Result.Allowed || hits[1].Result.Allowed {
			s.Errorf("wide then narrow: %s; %s", words(hits[0].Result), words(hits[1].Result))
		}
		hits = s.take(s.hit(narrow, 1), s.hit(wide, 1))
		if hits[0].Result.Allowed || !hits[1].Result.Allowed {
			s.Errorf("narrow then wide: %s; %s", words(hits[0].Result), words(hits[1].Result))
		}
	}
	s.leftEventually(wide, wide.Capacity()-capacity)

	// The first charge of one limit leaves alone the other's, whose window is
	// just over.
	long, short := s.limit("3/1h"), s.limit("3/1s")
	s.take(s.hit(short, 1))
	s.wait("10s")
	s.take(s.hit(long, 1), s.hit(short, 1))
	if n := s.left(short); n != short.Capacity()-1 {
		s.Errorf("%d are left of %d after one", n, short.Capacity())
	}
}

// leftEventually allows for a sharded store, which gives back in the background.
func (s *script) leftEventually(l *core.Limit, want int64) {
	s.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		got := s.left(l)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			s.Errorf("%s: %d are left, want %d", l.Name, got, want)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func dryRun(s *script) {
	shadow, real := s.limit("2/1m", dry), s.limit("100/1m")
	capacity := shadow.Capacity()
	for i := int64(0); i < capacity; i++ {
		if r := s.take(s.hit(shadow, 1), s.hit(real, 1))[0].Result; !r.Allowed || !r.Charged {
			s.Errorf("dry run, %d: %s", i, words(r))
		}
	}
	for i := 0; i < 3; i++ {
		hits := s.take(s.hit(shadow, 1), s.hit(real, 1))
		if hits[0].Result.Allowed || hits[0].Result.RetryAfter <= 0 {
			s.Errorf("dry run past its limit: %s", words(hits[0].Result))
		}
		if !hits[1].Result.Charged {
			s.Error("a dry run kept another limit from being charged")
		}
	}
	if n := s.left(real); n != real.Capacity()-capacity-3 {
		s.Errorf("%d are left of the other limit", n)
	}
	if r := s.take(s.hit(shadow, 1))[0].Result; r.Allowed || r.Charged {
		s.Errorf("a dry run alone: %s", words(r))
	}
}

func limitChanges(s *script) {
	before := s.limitNamed("changing", "10/1m")
	s.take(s.hit(before, 4))

	// More: what was used stays used, in a bucket as the time that it takes.
	more := s.limitNamed("changing", "20/1m")
	s.take(s.hit(more, 1))
	if n, most := s.left(more), more.Capacity()-5; n > most || n < most-4 {
		s.Errorf("raised from 10 to 20 with 5 used: %d are left", n)
	}
	// Fewer than were used: denied, and after a while not.
	fewer := s.limitNamed("changing", "2/1m")
	s.take(s.hit(fewer, fewer.Capacity()))
	if r := s.peek(s.hit(fewer, fewer.Capacity()))[0].Result; r.Allowed {
		s.Errorf("lowered to 2 with more used: %s", words(r))
	}
	s.retries(fewer, fewer.Capacity())
	// None at all, and some again.
	s.denied(s.limitNamed("changing", "0/1m"), 1, words(s.peek(s.hit(s.limitNamed("changing", "0/1m"), 1))[0].Result))
	again := s.limitNamed("changing", "2/1m")
	s.wait("2m")
	if n := s.drain(again); n != again.Capacity() {
		s.Errorf("%d were allowed of %d", n, again.Capacity())
	}
	// Another window.
	for _, rate := range []string{"2/1h", "2/1s", "1000/1h"} {
		l := s.limitNamed("changing", rate)
		if r := s.peek(s.hit(l, 1))[0].Result; !r.Allowed {
			s.retries(l, 1)
		}
	}
}

func clockStepsBack(s *script) {
	l := s.limit("5/1m")
	s.take(s.hit(l, l.Capacity()-1))
	s.wait("-30s")
	n := s.drain(l)
	if n > 1 {
		s.Errorf("%d more were allowed after the clock stepped back", n)
	}
	s.retries(l, 1)
	s.wait("-1h")
	if r := s.take(s.hit(l, l.Capacity()))[0].Result; r.Allowed {
		s.Errorf("an hour back: %s", words(r))
	}
	s.retries(l, l.Capacity())
}

func peek(s *script) {
	l := s.limit("3/1m")
	capacity := l.Capacity()
	for i := 0; i < 10; i++ {
		if r := s.peek(s.hit(l, 1))[0].Result; !r.Allowed || r.Remaining != capacity {
			s.Errorf("peek %d: %s", i, words(r))
		}
	}
	other := s.limit("1/1m")
	s.drain(other)
	hits := s.peek(s.hit(l, capacity), s.hit(other, 1))
	if !hits[0].Result.Allowed || hits[1].Result.Allowed {
		s.Errorf("two at once: %s; %s", words(hits[0].Result), words(hits[1].Result))
	}
	if n := s.drain(l); n != capacity {
		s.Errorf("%d were allowed after peeking", n)
	}
	if peeked, taken := s.peek(s.hit(l, 2))[0].Result, s.take(s.hit(l, 2))[0].Result; words(peeked) != words(taken) {
		s.Errorf("denied, a peek says %s and a take %s", words(peeked), words(taken))
	}
}

func reset(s *script) {
	l, other := s.limit("3/1m"), s.limit("3/1m")
	s.drain(l)
	s.drain(other)
	s.must(s.Store.Reset(l, s.identity))
	if n := s.drain(l); n != l.Capacity() {
		s.Errorf("%d were allowed after a reset", n)
	}
	if n := s.left(other); n != 0 {
		s.Errorf("a reset of one limit left %d of another", n)
	}
	s.must(s.Store.Reset(l, "192.0.2.1"))
	s.must(s.Store.Block(s.clock.Now(), l, s.identity, time.Hour))
	s.must(s.Store.Reset(l, s.identity))
	if n := s.left(l); n != l.Capacity() {
		s.Errorf("%d are left after a block was reset", n)
	}
}

func block(s *script) {
	l := s.limit("3/1m")
	s.take(s.hit(l, 1))
	s.must(s.Store.Block(s.clock.Now(), l, s.identity, 10*time.Minute))
	if s.Life != nil {
		if life, ok := s.Life(core.Key(l, s.identity)); !ok || life < 9*time.Minute {
			s.Errorf("a block of 10m is kept for %v", life)
		}
	}
	s.denied(l, 1, "0 left, retry 10m0s, full 10m0s")
	s.denied(l, 0, "0 left, retry 10m0s, full 10m0s")
	s.denied(l, l.Capacity()+1, "0 left, never, full 10m0s")
	other := s.limit("3/1m")
	hits := s.take(s.hit(other, 1), s.hit(l, 1))
	if hits[0].Result.Charged || hits[1].Result.Allowed {
		s.Error("a blocked identity was charged by another limit")
	}
	s.wait("9m")
	s.denied(l, 1, "0 left, retry 1m0s, full 1m0s")
	// Longer, then shorter: the last word counts.
	s.must(s.Store.Block(s.clock.Now(), l, s.identity, time.Hour))
	s.denied(l, 1, "0 left, retry 1h0m0s, full 1h0m0s")
	s.must(s.Store.Block(s.clock.Now(), l, s.identity, 2*time.Second))
	s.retries(l, 1)
	if n := s.drain(l); n != l.Capacity() {
		s.Errorf("%d were allowed after the block", n)
	}
	// Who was never seen can be blocked too.
	fresh := s.limit("3/1m")
	s.must(s.Store.Block(s.clock.Now(), fresh, s.identity, time.Minute))
	s.retries(fresh, 1)
}

func refund(s *script) {
	l := s.limit("5/1m")
	capacity := l.Capacity()
	first := s.take(s.hit(l, 2))
	s.wait("1s")
	second := s.take(s.hit(l, capacity-2))
	s.must(s.Store.Refund(s.clock.Now(), second))
	if n := s.left(l); n < capacity-2 || n > capacity-1 {
		s.Errorf("%d are left after the second was refunded", n)
	}
	s.must(s.Store.Refund(s.clock.Now(), first))
	if n := s.left(l); n != capacity {
		s.Errorf("%d are left after both were refunded", n)
	}

	// What was not charged is not given back.
	s.take(s.hit(l, capacity))
	denied := s.take(s.hit(l, 1))
	s.must(s.Store.Refund(s.clock.Now(), denied))
	peeked := s.peek(s.hit(l, 0))
	s.must(s.Store.Refund(s.clock.Now(), peeked))
	if n := s.left(l); n != 0 {
		s.Errorf("%d are left after a refund of nothing", n)
	}

	// Two limits at once.
	a, b := s.limit("5/1m"), s.limit("9/1m")
	hits := s.take(s.hit(a, 1), s.hit(b, 3))
	s.must(s.Store.Refund(s.clock.Now(), hits))
	if s.left(a) != a.Capacity() || s.left(b) != b.Capacity() {
		s.Errorf("%d and %d are left of two refunded limits", s.left(a), s.left(b))
	}
}

// refundTooLate gives nothing back that the limit has forgotten anyway: it
// would be taken from somebody's newer charge.
func refundTooLate(s *script) {
	for name, between := range map[string]func(*core.Limit){
		"window is over": func(*core.Limit) { s.wait("3m") },
		"reset":          func(l *core.Limit) { s.must(s.Store.Reset(l, s.identity)); s.wait("1ms") },
		"block": func(l *core.Limit) {
			s.must(s.Store.Block(s.clock.Now(), l, s.identity, time.Minute))
			s.wait("1m")
		},
	} {
		l := s.limit("5/1m")
		old := s.take(s.hit(l, 2))
		between(l)
		s.take(s.hit(l, l.Capacity()))
		s.must(s.Store.Refund(s.clock.Now(), old))
		// A bucket does not know how it came by its debt.
		if n := s.left(l); n != 0 && !(name == "reset" && l.Algorithm.Waits()) {
			s.Errorf("%s: the refund of an old charge gave %d back", name, n)
		}
	}
	// A block is not lifted by a refund.
	l := s.limit("5/1m")
	hits := s.take(s.hit(l, 1))
	s.must(s.Store.Block(s.clock.Now(), l, s.identity, time.Minute))
	s.must(s.Store.Refund(s.clock.Now(), hits))
	s.retries(l, 1)
}

// mixed asks limits of all algorithms at once.
func mixed(t *testing.T, open Open) {
	s := start(t, core.FixedWindow, open)
	var hits []core.Hit
	for _, a := range core.Algorithms() {
		s.algorithm = a
		hits = append(hits, s.hit(s.limit("4/1m"), 1))
	}
	// Leaky, with its queue, holds one more than the others.
	for i := 0; i < 4; i++ {
		for _, h := range s.take(hits...) {
			if !h.Result.Charged || h.Result.Remaining != h.Limit.Capacity()-int64(i)-1 {
				t.Errorf("%d: %s: %s", i, h.Limit.Algorithm, words(h.Result))
			}
		}
	}
	for _, h := range s.take(hits...) {
		if h.Result.Charged || h.Result.Allowed != (h.Limit.Algorithm == core.LeakyBucket) {
			t.Errorf("%s: %s", h.Limit.Algorithm, words(h.Result))
		}
	}
}

func (s *script) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
