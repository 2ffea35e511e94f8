package core_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
)

// counted is a store that counts how often it is asked.
type counted struct {
	core.Store
	asked int
}

func (c *counted) Take(now time.Time, hits []core.Hit) error {
	c.asked++
	return c.Store.Take(now, hits)
}

func guarded(t *testing.T) (*core.Limiter, *counted) {
	t.Helper()
	inner := memory.New(100_000)
	t.Cleanup(func() { inner.Close() })
	store := &counted{Store: inner}
	breaker := core.NewBreaker(store.Probe, func(core.Event, error) {})
	t.Cleanup(breaker.Close)
	return &core.Limiter{Store: store, Breaker: breaker, Denials: core.NewDenials()}, store
}

func one(t *testing.T, name, rate, algorithm string) *core.Limit {
	t.Helper()
	limits, err := core.Spec{Name: name, Rate: rate, Algorithm: algorithm}.Limits(core.DefaultPrefix)
	if err != nil {
		t.Fatal(err)
	}
	return limits[0]
}

func TestAFloodDoesNotReachTheStore(t *testing.T) {
	limiter, store := guarded(t)
	limit := one(t, "flood", "3/10s", "fixed-window")
	now := time.Now()
	for i := 0; i < 5000; i++ {
		hits := []core.Hit{{Limit: limit, Identity: "a", Cost: 1}}
		d := limiter.Decide(now, hits)
		since := time.Duration(i) * time.Millisecond
		if want := i < 3; d.Allowed != want {
			t.Fatalf("call %d: allowed %v", i, d.Allowed)
		}
		if want := 10*time.Second - since; !d.Allowed && (d.RetryAfter != want || hits[0].Result.Full != want || hits[0].Result.Refill != want) {
			t.Fatalf("call %d: %+v, %+v, want %s", i, d, hits[0].Result, want)
		}
		now = now.Add(time.Millisecond)
	}
	// Three allowed, and one denial for each second of five.
	if store.asked != 3+5 {
		t.Errorf("the store was asked %d times", store.asked)
	}
}

func TestADenialIsKnownForItselfOnly(t *testing.T) {
	limiter, store := guarded(t)
	narrow, wide := one(t, "narrow", "2/1m", ""), one(t, "wide", "100/1m", "")
	now := time.Now()
	take := func(identity string, cost int64) core.Decision {
		return limiter.Decide(now, []core.Hit{{Limit: wide, Identity: identity, Cost: 1}, {Limit: narrow, Identity: identity, Cost: cost}})
	}
	take("a", 1)
	if d := take("a", 2); d.Allowed || d.Hit != 1 {
		t.Fatalf("2 more of 1: %+v", d)
	}
	asked := store.asked
	if d := take("a", 2); d.Allowed || d.Hit != 1 || store.asked != asked {
		t.Errorf("again: %+v, asked %d times", d, store.asked-asked)
	}
	if d := take("b", 2); !d.Allowed {
		t.Errorf("another client: %+v", d)
	}
	if d := take("a", 1); !d.Allowed {
		t.Errorf("a smaller cost: %+v", d)
	}
}

func TestAResetIsSeenWithinASecond(t *testing.T) {
	limiter, store := guarded(t)
	limit := one(t, "reset", "1/1h", "")
	now := time.Now()
	allowed := func() bool {
		return limiter.Decide(now, []core.Hit{{Limit: limit, Identity: "a", Cost: 1}}).Allowed
	}
	if !allowed() || allowed() {
		t.Fatal("not one of 1")
	}
	if err := store.Reset(limit, "a"); err != nil { // as another process does
		t.Fatal(err)
	}
	now = now.Add(time.Second - time.Nanosecond)
	if allowed() {
		t.Error("the store was asked before a second was over")
	}
	now = now.Add(time.Nanosecond)
	if !allowed() {
		t.Error("a reset was not seen after a second")
	}
	if allowed() {
		t.Error("2 of 1")
	}
	if err := limiter.Reset(limit, "a"); err != nil {
		t.Fatal(err)
	}
	if !allowed() {
		t.Error("its own reset was not seen at once")
	}
}

func TestARetryIsNotDeniedEarly(t *testing.T) {
	limiter, _ := guarded(t)
	for _, algorithm := range core.Algorithms() {
		limit := one(t, "retry", "10/1s", algorithm.String())
		now := time.Now()
		hits := []core.Hit{{Limit: limit, Identity: "a", Cost: 1}}
		d := limiter.Decide(now, hits)
		for ; d.Allowed; d = limiter.Decide(now, hits) {
		}
		if d = limiter.Decide(now.Add(d.RetryAfter), hits); !d.Allowed {
			t.Errorf("%s: a retry at RetryAfter: %+v", algorithm, d)
		}
	}
}

func TestManyDenialsAreForgotten(t *testing.T) {
	limiter, store := guarded(t)
	limit := one(t, "many", "1/1h", "")
	now := time.Now()
	const clients = 50_000
	for i := 0; i < 2*clients; i++ {
		limiter.Decide(now, []core.Hit{{Limit: limit, Identity: fmt.Sprint(i % clients), Cost: 1}})
	}
	before := store.asked
	for i := 0; i < clients; i++ {
		limiter.Decide(now, []core.Hit{{Limit: limit, Identity: fmt.Sprint(i), Cost: 1}})
	}
	if spared := clients - (store.asked - before); spared != 20_000 {
		t.Errorf("%d of %d denials were remembered, want 20000", spared, clients)
	}
	// The clock stepping back, and long silence, forget as well.
	for _, later := range []time.Duration{-time.Hour, time.Hour} {
		before = store.asked
		limiter.Decide(now.Add(later), []core.Hit{{Limit: limit, Identity: "1", Cost: 1}})
		if store.asked == before {
			t.Errorf("a denial is known %s later", later)
		}
	}
}
