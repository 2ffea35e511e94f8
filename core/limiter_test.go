package core_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
)

var errStore = errors.New("the store is gone")

// failing is a store that is never there.
type failing struct{ core.Store }

func (failing) Take(time.Time, []core.Hit) error { return errStore }

// scripted is a store that fails as it is told.
type scripted struct {
	core.Store
	mu    sync.Mutex
	fails bool
	asked int
}

func (s *scripted) Take(now time.Time, hits []core.Hit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.fails {
		return errStore
	}
	return s.Store.Take(now, hits)
}

func (s *scripted) set(fails bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = fails
}

func (s *scripted) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func inMemory(t testing.TB) *memory.Store {
	s := memory.New(1000)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestNoHits(t *testing.T) {
	d := (&core.Limiter{Store: failing{}}).Decide(time.Now(), nil)
	if !d.Allowed || d.Hit != -1 || d.Degraded {
		t.Errorf("got %+v", d)
	}
}

func TestOnError(t *testing.T) {
	now := time.Now()
	for name, want := range map[string][]core.Decision{
		"local": {
			{Allowed: true, Degraded: true},
			{RetryAfter: time.Minute, Degraded: true},
		},
		"allow": {
			{Allowed: true, Hit: -1, Degraded: true},
			{Allowed: true, Hit: -1, Degraded: true},
		},
		"deny": {
			{Hit: -1, Unavailable: true, Degraded: true},
			{Hit: -1, Unavailable: true, Degraded: true},
		},
	} {
		onError, err := core.ParseOnError(strings.ToUpper(name))
		if err != nil {
			t.Fatal(err)
		}
		limiter := core.Limiter{Store: failing{}, Fallback: inMemory(t), OnError: onError}
		l := limits(t, core.Spec{Name: "a", Rate: "1/1m", Algorithm: "fixed-window"})[0]
		for i := range want {
			if got := limiter.Decide(now, []core.Hit{{Limit: l, Identity: "x", Cost: 1}}); got != want[i] {
				t.Errorf("%s, %d: %+v, want %+v", name, i, got, want[i])
			}
		}
	}
	if onError, err := core.ParseOnError(""); err != nil || onError != core.Local {
		t.Errorf("by default %v, %v", onError, err)
	}
	_, err := core.ParseOnError("open")
	mistake(t, "open", err, "on_error", "local, allow or deny")
}

func TestSummarize(t *testing.T) {
	wide, narrow := limit(t, "wide", "100/1m"), limit(t, "narrow", "10/1m")
	shadow := limits(t, core.Spec{Name: "shadow", Rate: "1/1m", DryRun: true})[0]
	allowed := func(l *core.Limit, left int64, delay time.Duration) core.Hit {
		return core.Hit{Limit: l, Result: core.Result{Allowed: true, Remaining: left, Delay: delay}}
	}
	refused := func(l *core.Limit, retry time.Duration) core.Hit {
		return core.Hit{Limit: l, Result: core.Result{RetryAfter: retry}}
	}
	const s = time.Second
	tests := map[string]struct {
		hits []core.Hit
		want core.Decision
	}{
		"one":                      {[]core.Hit{allowed(wide, 5, s)}, core.Decision{Allowed: true, Delay: s}},
		"one denied":               {[]core.Hit{refused(wide, s)}, core.Decision{RetryAfter: s}},
		"a dry run alone":          {[]core.Hit{refused(shadow, s)}, core.Decision{Allowed: true, Hit: -1}},
		"a dry run does not delay": {[]core.Hit{allowed(wide, 5, 0), {Limit: shadow, Result: core.Result{Allowed: true, Delay: s}}}, core.Decision{Allowed: true}},
		"a dry run does not deny":  {[]core.Hit{refused(shadow, s), allowed(wide, 5, 0)}, core.Decision{Allowed: true, Hit: 1}},
		"closest to exhaustion":    {[]core.Hit{allowed(wide, 20, 0), allowed(narrow, 3, 0)}, core.Decision{Allowed: true, Hit: 0}},
		"the other way round":      {[]core.Hit{allowed(narrow, 1, 0), allowed(wide, 20, 0)}, core.Decision{Allowed: true, Hit: 0}},
		"as close, but fewer":      {[]core.Hit{allowed(wide, 20, 0), allowed(narrow, 2, 0)}, core.Decision{Allowed: true, Hit: 1}},
		"the longest delay":        {[]core.Hit{allowed(wide, 9, 3*s), allowed(narrow, 9, s)}, core.Decision{Allowed: true, Delay: 3 * s}},
		"the one that denied":      {[]core.Hit{allowed(wide, 0, s), refused(narrow, s)}, core.Decision{Hit: 1, RetryAfter: s}},
		"denied for longest":       {[]core.Hit{refused(wide, s), refused(narrow, 2*s), refused(wide, s)}, core.Decision{Hit: 1, RetryAfter: 2 * s}},
		"denied for ever":          {[]core.Hit{refused(wide, s), refused(narrow, core.Never), refused(wide, 9*s)}, core.Decision{Hit: 1, RetryAfter: core.Never}},
	}
	for name, test := range tests {
		if got := core.Summarize(test.hits); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// watched is a breaker whose probes and events come through channels.
type watched struct {
	*core.Breaker
	probes  chan chan error
	events  chan core.Event
	reasons chan error
}

func watch(t *testing.T) *watched {
	w := &watched{probes: make(chan chan error), events: make(chan core.Event, 100), reasons: make(chan error, 100)}
	over := make(chan struct{})
	w.Breaker = core.NewBreaker(func() error {
		answer := make(chan error)
		select {
		case w.probes <- answer:
			return <-answer
		case <-over:
			return errStore
		}
	}, func(e core.Event, err error) {
		w.events <- e
		w.reasons <- err
	})
	t.Cleanup(func() {
		close(over)
		w.Close()
	})
	return w
}

func (w *watched) expect(t *testing.T, want core.Event, reason error) {
	t.Helper()
	select {
	case got := <-w.events:
		if err := <-w.reasons; got != want || err != reason {
			t.Errorf("event %v for %v, want %v for %v", got, err, want, reason)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("event %v never came", want)
	}
}

func TestBreaker(t *testing.T) {
	before := runtime.NumGoroutine()
	store := &scripted{Store: inMemory(t)}
	w := watch(t)
	limiter := core.Limiter{Store: store, Breaker: w.Breaker, OnError: core.Allow}
	l := limit(t, "a", "1000/1m")
	decide := func(degraded bool) {
		t.Helper()
		d := limiter.Decide(time.Now(), []core.Hit{{Limit: l, Identity: "x", Cost: 1}})
		if !d.Allowed || d.Degraded != degraded {
			t.Errorf("got %+v", d)
		}
	}

	decide(false)
	// Two in a row are no outage, nor are two and two.
	for i := 0; i < 2; i++ {
		store.set(true)
		decide(true)
		decide(true)
		store.set(false)
		decide(false)
	}
	// One line tells of all that follow, until a probe has found out more.
	w.expect(t, core.StoreFailed, errStore)
	// Three are.
	store.set(true)
	decide(true)
	decide(true)
	decide(true)
	w.expect(t, core.StoreLost, errStore)
	asked := store.times()
	for i := 0; i < 100; i++ {
		decide(true)
	}
	if n := store.times(); n != asked || !w.Open() {
		t.Errorf("a lost store was asked %d times", n-asked)
	}
	// A probe that fails changes nothing; one that succeeds does.
	answer := <-w.probes
	answer <- errStore
	decide(true)
	answer = <-w.probes
	store.set(false)
	decide(true)
	answer <- nil
	w.expect(t, core.StoreBack, nil)
	decide(false)
	if len(w.events) != 0 {
		t.Errorf("event %v came too", <-w.events)
	}
	// Lost once more: the count has begun anew.
	store.set(true)
	decide(true)
	w.expect(t, core.StoreFailed, errStore)
	decide(true)
	decide(true)
	w.expect(t, core.StoreLost, errStore)
	answer = <-w.probes
	closed := make(chan struct{})
	go func() {
		w.Close()
		close(closed)
	}()
	answer <- errStore
	<-closed
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	w.Failed(errStore)
	w.Close()
}

// A store that loses a part fails some decisions between others that succeed:
// the probe's failure tells.
func TestBreakerInPart(t *testing.T) {
	store := &scripted{Store: inMemory(t)}
	w := watch(t)
	limiter := core.Limiter{Store: store, Breaker: w.Breaker, OnError: core.Allow}
	l := limit(t, "a", "1000/1m")
	for i := 0; i < 10; i++ {
		store.set(i%2 == 0)
		limiter.Decide(time.Now(), []core.Hit{{Limit: l, Identity: "x", Cost: 1}})
	}
	w.expect(t, core.StoreFailed, errStore)
	if len(w.events) != 0 || w.Open() {
		t.Error("one in two is lost already")
	}
	answer := <-w.probes
	answer <- errStore
	w.expect(t, core.StoreLost, errStore)
	answer = <-w.probes
	answer <- nil
	w.expect(t, core.StoreBack, nil)
}

// Many decisions that fail at once are one outage.
func TestBreakerConcurrently(t *testing.T) {
	w := watch(t)
	var wg sync.WaitGroup
	for i := 0; i < 50; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w.Failed(errStore)
		}()
	}
	wg.Wait()
	lost := 0
	for len(w.events) > 0 {
		if <-w.events == core.StoreLost {
			lost++
		}
	}
	if lost != 1 || !w.Open() {
		t.Errorf("lost %d times", lost)
	}
}
