package storetest

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

// script runs a test against a store, one line a step.
type script struct {
	*testing.T
	Harness
	clock     *Clock
	algorithm core.Algorithm
	limits    int
	identity  string
}

var scripts atomic.Int64

func start(t *testing.T, algorithm core.Algorithm, open Open) *script {
	clock := NewClock()
	return &script{
		T: t, Harness: open(t, clock), clock: clock, algorithm: algorithm,
		identity: core.HashIdentity(t.Name() + strconv.FormatInt(scripts.Add(1), 10)),
	}
}

// limit makes another limit of the test's algorithm.
func (s *script) limit(rate string, changes ...func(*core.Spec)) *core.Limit {
	s.Helper()
	s.limits++
	return s.limitNamed("limit"+strconv.Itoa(s.limits), rate, changes...)
}

func (s *script) limitNamed(name, rate string, changes ...func(*core.Spec)) *core.Limit {
	s.Helper()
	spec := core.Spec{Name: name, Rate: rate, Algorithm: s.algorithm.String()}
	for _, change := range changes {
		change(&spec)
	}
	limits, err := spec.Limits("storetest")
	if err != nil {
		s.Fatal(err)
	}
	return limits[0]
}

func burst(n int64) func(*core.Spec)  { return func(s *core.Spec) { s.Burst = &n } }
func waits(d string) func(*core.Spec) { return func(s *core.Spec) { w := duration(d); s.MaxWait = &w } }
func dry(s *core.Spec)                { s.DryRun = true }

func duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

func (s *script) wait(d string) { s.clock.Advance(duration(d)) }

// hit asks a limit about the test's identity.
func (s *script) hit(l *core.Limit, cost int64) core.Hit {
	return core.Hit{Limit: l, Identity: s.identity, Cost: cost}
}

// take decides hits together, and holds the results to what is true of all.
func (s *script) take(hits ...core.Hit) []core.Hit {
	s.Helper()
	before := time.Now()
	if err := s.Store.Take(s.clock.Now(), hits); err != nil {
		s.Fatal(err)
	}
	all := true
	for _, h := range hits {
		all = all && (h.Result.Allowed || h.Limit.DryRun)
	}
	for _, h := range hits {
		s.sane(h)
		if want := all && h.Result.Allowed && h.Cost > 0; h.Result.Charged != want {
			s.Errorf("%s: charged is %v", h.Limit.Name, h.Result.Charged)
		}
		if h.Result.Charged && s.Life != nil {
			// It may be over already where it is a millisecond.
			life, _ := s.Life(core.Key(h.Limit, h.Identity))
			if life+time.Since(before) < h.Result.Full {
				s.Errorf("%s: key is kept for %v, full in %v", h.Limit.Name, life, h.Result.Full)
			}
		}
	}
	return hits
}

func (s *script) peek(hits ...core.Hit) []core.Hit {
	s.Helper()
	if err := s.Store.Peek(s.clock.Now(), hits); err != nil {
		s.Fatal(err)
	}
	for _, h := range hits {
		s.sane(h)
		if h.Result.Charged {
			s.Errorf("%s: a peek has charged", h.Limit.Name)
		}
	}
	return hits
}

// sane checks what holds for each Result.
func (s *script) sane(h core.Hit) {
	s.Helper()
	r, capacity := h.Result, h.Limit.Capacity()
	switch {
	case r.Remaining < 0 || r.Remaining > capacity,
		r.Delay < 0 || r.Refill < 0 || r.Full < r.Refill,
		r.Allowed && r.RetryAfter != 0,
		!r.Allowed && (r.RetryAfter <= 0 && r.RetryAfter != core.Never || r.Delay != 0),
		h.Cost > capacity && r.RetryAfter != core.Never && !r.Allowed,
		h.Cost <= capacity && r.RetryAfter == core.Never,
		r.RetryAfter > 0 && r.Refill != r.RetryAfter:
		s.Errorf("%s, cost %d: %+v makes no sense", h.Limit.Name, h.Cost, r)
	}
}

// allowed takes the cost and expects it to be allowed, with these words.
func (s *script) allowed(l *core.Limit, cost int64, want string) core.Hit {
	s.Helper()
	h := s.take(s.hit(l, cost))[0]
	s.expect(h, true, want)
	return h
}

// denied takes the cost and expects it to be denied, with these words.
func (s *script) denied(l *core.Limit, cost int64, want string) {
	s.Helper()
	s.expect(s.take(s.hit(l, cost))[0], false, want)
}

func (s *script) expect(h core.Hit, allowed bool, want string) {
	s.Helper()
	if got := words(h.Result); h.Result.Allowed != allowed || got != want {
		s.Errorf("%s, cost %d: allowed %v: %s; want %v: %s", h.Limit.Name, h.Cost, h.Result.Allowed, got, allowed, want)
	}
}

// drain takes units one by one until one is denied, and counts them.
func (s *script) drain(l *core.Limit) int64 {
	s.Helper()
	for n := int64(0); ; n++ {
		if !s.take(s.hit(l, 1))[0].Result.Allowed {
			return n
		}
		if n > 10*l.Capacity() {
			s.Fatalf("%s: no end after %d", l.Name, n)
		}
	}
}

// left is what a peek sees.
func (s *script) left(l *core.Limit) int64 {
	s.Helper()
	return s.peek(s.hit(l, 0))[0].Result.Remaining
}

// retries expects a denied cost to be allowed at its RetryAfter, and not a
// microsecond earlier. The clock stands there afterwards.
func (s *script) retries(l *core.Limit, cost int64) {
	s.Helper()
	r := s.peek(s.hit(l, cost))[0].Result
	if r.Allowed || r.RetryAfter <= 0 {
		s.Errorf("%s, cost %d: not to be retried: %s", l.Name, cost, words(r))
		return
	}
	s.clock.Advance(r.RetryAfter - time.Microsecond)
	if early := s.peek(s.hit(l, cost))[0].Result; early.Allowed {
		s.Errorf("%s, cost %d: retry in %v, but a microsecond earlier it is allowed", l.Name, cost, r.RetryAfter)
	} else if early.RetryAfter != time.Microsecond {
		s.Errorf("%s, cost %d: a microsecond before the retry it is in %v", l.Name, cost, early.RetryAfter)
	}
	s.clock.Advance(time.Microsecond)
	if late := s.peek(s.hit(l, cost))[0].Result; !late.Allowed {
		s.Errorf("%s, cost %d: retry in %v, and then %s", l.Name, cost, r.RetryAfter, words(late))
	}
}

// words writes a Result as the scripts do: "2 left, refill 4s, full 10s" when
// allowed, "0 left, retry 4s, full 10s" when denied.
func words(r core.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d left", r.Remaining)
	switch {
	case r.RetryAfter == core.Never:
		b.WriteString(", never")
	case r.RetryAfter != 0:
		fmt.Fprintf(&b, ", retry %v", r.RetryAfter)
	default:
		fmt.Fprintf(&b, ", refill %v", r.Refill)
	}
	fmt.Fprintf(&b, ", full %v", r.Full)
	if r.Delay != 0 {
		fmt.Fprintf(&b, ", delay %v", r.Delay)
	}
	return b.String()
}
