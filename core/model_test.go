package core_test

import (
	"math/big"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/storetest"
)

// TestModel holds each algorithm to its model: never one too many, never one
// denied that is due, and a retry that is neither early nor late.
func TestModel(t *testing.T) {
	for _, a := range core.Algorithms() {
		t.Run(a.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkModel(t, drawLimit(t, a)) })
		})
	}
}

func drawLimit(t *rapid.T, a core.Algorithm) *core.Limit {
	spec := core.Spec{Name: "model", Algorithm: a.String()}
	most := int64(core.MaxCount)
	if a == core.SlidingLog {
		most = 1000
	}
	count := rapid.OneOf(rapid.Int64Range(1, 20), rapid.Int64Range(1, most)).Draw(t, "count")
	window := rapid.OneOf(
		rapid.Int64Range(1, 5000),
		rapid.SampledFrom([]int64{1, 1000, 60_000, 3_600_000, 86_400_000, 366 * 86_400_000}),
	).Draw(t, "window")
	spec.Rate = strconv.FormatInt(count, 10) + "/" + strconv.FormatInt(window, 10) + "ms"
	if a.Waits() {
		burst := rapid.Int64Range(1, count).Draw(t, "burst")
		spec.Burst = &burst
		if rapid.Bool().Draw(t, "waits") {
			wait := time.Duration(rapid.Int64Range(0, window*int64(time.Millisecond)).Draw(t, "max wait"))
			spec.MaxWait = &wait
		}
	}
	limits, err := spec.Limits("model")
	if err != nil {
		t.Fatal(err)
	}
	return limits[0]
}

func checkModel(t *rapid.T, l *core.Limit) {
	m, length := storetest.NewModel(l), l.Rate.Window.Microseconds()
	var state core.State
	var r core.Result
	now := rapid.Int64Range(0, 1<<51).Draw(t, "start")
	for step := rapid.IntRange(1, 60).Draw(t, "steps"); step > 0; step-- {
		now += rapid.OneOf(
			rapid.SampledFrom([]int64{0, 0, 1, length, length - 1, length + 1, r.RetryAfter.Microseconds(), r.Refill.Microseconds(), r.Full.Microseconds()}),
			rapid.Int64Range(0, length/3),
		).Filter(func(d int64) bool { return d >= 0 }).Draw(t, "step")
		cost := rapid.OneOf(rapid.Just(int64(1)), rapid.Int64Range(1, l.Capacity())).Draw(t, "cost")

		room, slack := m.Room(now)
		spare := new(big.Rat).Sub(room, big.NewRat(cost, 1))
		decided := state
		allowed := core.Decide(l, &decided, now, cost)
		if allowed && spare.Cmp(new(big.Rat).Neg(slack)) < 0 {
			t.Fatalf("%s: %d at %d: allowed, though there is room for %s", l, cost, now, room.FloatString(6))
		}
		if !allowed && spare.Cmp(slack) >= 0 {
			t.Fatalf("%s: %d at %d: denied, though there is room for %s", l, cost, now, room.FloatString(6))
		}
		if allowed {
			core.Charge(l, &decided, now, cost)
			state = decided
			m.Charge(now, cost)
			room.Sub(room, big.NewRat(cost, 1))
		}
		core.Describe(l, &decided, now, cost, allowed, allowed, &r)
		checkRemaining(t, l, r, room, slack)
		checkRetry(t, l, state, now, cost, r)
		if allowed && l.Algorithm.Waits() {
			checkDelay(t, l, room, r)
		}
	}
}

// checkRemaining expects the whole units of room.
func checkRemaining(t *rapid.T, l *core.Limit, r core.Result, room, slack *big.Rat) {
	if l.Algorithm == core.TokenBucket {
		room = new(big.Rat).Sub(room, new(big.Rat).Mul(big.NewRat(l.Rate.Count, l.Rate.Window.Microseconds()), big.NewRat(l.MaxWait.Nanoseconds(), 1000)))
	}
	slack = new(big.Rat).Mul(slack, big.NewRat(2, 1))
	low, high := new(big.Rat).Sub(room, slack), new(big.Rat).Add(room, slack)
	left := big.NewRat(r.Remaining, 1)
	more := big.NewRat(r.Remaining+1, 1)
	if left.Sign() > 0 && left.Cmp(high) > 0 || more.Cmp(low) <= 0 && slack.Sign() > 0 || more.Cmp(low) < 0 {
		t.Fatalf("%s: %d remain of %s", l, r.Remaining, room.FloatString(6))
	}
}

// checkRetry expects a denied hit to be allowed at its RetryAfter and not a
// microsecond before.
func checkRetry(t *rapid.T, l *core.Limit, state core.State, now, cost int64, r core.Result) {
	if r.Allowed {
		return
	}
	early, late := state, state
	then := now + r.RetryAfter.Microseconds()
	if core.Decide(l, &early, then-1, cost) {
		t.Fatalf("%s: %d denied for %v, but a microsecond less is enough", l, cost, r.RetryAfter)
	}
	if !core.Decide(l, &late, then, cost) {
		t.Fatalf("%s: %d denied for %v, and then again", l, cost, r.RetryAfter)
	}
}

// checkDelay expects who is over the bucket's size to wait until it has filled.
// room is what is left, those who may wait included.
func checkDelay(t *rapid.T, l *core.Limit, room *big.Rat, r core.Result) {
	perMicro := big.NewRat(l.Rate.Count, l.Rate.Window.Microseconds())
	waiting := new(big.Rat).Mul(perMicro, big.NewRat(l.MaxWait.Nanoseconds(), 1000))
	want := new(big.Rat)
	if level := new(big.Rat).Sub(room, waiting); level.Sign() < 0 {
		want.Quo(level.Neg(level), perMicro)
	}
	got := big.NewRat(r.Delay.Microseconds(), 1)
	if off := got.Sub(got, want); off.Abs(off).Cmp(big.NewRat(21, 10)) > 0 {
		t.Fatalf("%s: delayed for %v, due are %sµs", l, r.Delay, want.FloatString(3))
	}
}
