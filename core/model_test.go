package core_test

import (
	"math/big"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirproxy/weir/core"
)

// A model says whether a hit is due, slowly and without rounding.
type model interface {
	// room is how many more units the limit has at now, in parts of a unit, and
	// how much of one its arithmetic may be off.
	room(now int64) (room, slack *big.Rat)
	charge(now, cost int64)
}

// window counts from the first hit.
type window struct{ count, length, start, used int64 }

func (m *window) room(now int64) (*big.Rat, *big.Rat) {
	if m.used == 0 || now >= m.start+m.length {
		m.start, m.used = now, 0
	}
	return big.NewRat(m.count-m.used, 1), new(big.Rat)
}

func (m *window) charge(_, cost int64) { m.used += cost }

// weighted is the window's count and what still overlaps of the one before.
type weighted struct {
	count, length int64
	windows       map[int64]int64 // units by the number of the window
	start         int64
}

func (m *weighted) number(now int64) int64 { return (now - m.start) / m.length }

func (m *weighted) room(now int64) (*big.Rat, *big.Rat) {
	n := m.number(now)
	if m.windows[n] == 0 && m.windows[n-1] == 0 {
		m.windows, m.start, n = map[int64]int64{}, now, 0
	}
	overlap := big.NewRat(m.length-(now-m.start)%m.length, m.length)
	used := overlap.Mul(overlap, big.NewRat(m.windows[n-1], 1))
	used.Add(used, big.NewRat(m.windows[n], 1))
	// A float has no room for a billion times a year in microseconds.
	slack := new(big.Rat)
	if m.count > 1<<53/m.length {
		slack.SetFrac64(1, 1_000_000)
	}
	return used.Sub(big.NewRat(m.count, 1), used), slack
}

func (m *weighted) charge(now, cost int64) { m.windows[m.number(now)] += cost }

// list has the time of every unit that ever passed.
type list struct {
	count, length int64
	times         []int64
}

func (m *list) room(now int64) (*big.Rat, *big.Rat) {
	n := m.count
	for _, t := range m.times {
		if now-t < m.length {
			n--
		}
	}
	return big.NewRat(n, 1), new(big.Rat)
}

func (m *list) charge(now, cost int64) {
	for ; cost > 0; cost-- {
		m.times = append(m.times, now)
	}
}

// bucket fills at the rate, up to its size; so many more units may wait.
type bucket struct {
	size, waiting *big.Rat
	perMicro      *big.Rat
	level         *big.Rat // less than 0 where some wait
	at            int64
}

func (m *bucket) room(now int64) (*big.Rat, *big.Rat) {
	m.level.Add(m.level, new(big.Rat).Mul(m.perMicro, big.NewRat(now-m.at, 1)))
	m.at = now
	if m.level.Cmp(m.size) > 0 {
		m.level.Set(m.size)
	}
	// The microsecond that a bucket forgives, or a thousandth of a unit.
	slack := new(big.Rat).Set(m.perMicro)
	if most := big.NewRat(1, 1000); slack.Cmp(most) > 0 {
		slack = most
	}
	// And the nanosecond that a longest wait is rounded to.
	slack.Add(slack, new(big.Rat).Mul(m.perMicro, big.NewRat(1, 1000)))
	slack.Add(slack, big.NewRat(1, 1_000_000))
	return new(big.Rat).Add(m.level, m.waiting), slack
}

func (m *bucket) charge(_, cost int64) { m.level.Sub(m.level, big.NewRat(cost, 1)) }

func newModel(l *core.Limit) model {
	count, length := l.Rate.Count, l.Rate.Window.Microseconds()
	perMicro := big.NewRat(count, length)
	waiting := new(big.Rat).Mul(perMicro, big.NewRat(l.MaxWait.Nanoseconds(), 1000))
	switch l.Algorithm {
	case core.FixedWindow:
		return &window{count: count, length: length}
	case core.SlidingWindow:
		return &weighted{count: count, length: length, windows: map[int64]int64{}}
	case core.SlidingLog:
		return &list{count: count, length: length}
	case core.TokenBucket:
		size := big.NewRat(l.Burst, 1)
		return &bucket{size: size, waiting: waiting, perMicro: perMicro, level: new(big.Rat).Set(size)}
	}
	return &bucket{size: big.NewRat(1, 1), waiting: waiting, perMicro: perMicro, level: big.NewRat(1, 1)}
}

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
	m, length := newModel(l), l.Rate.Window.Microseconds()
	var state core.State
	var r core.Result
	now := rapid.Int64Range(0, 1<<51).Draw(t, "start")
	for step := rapid.IntRange(1, 60).Draw(t, "steps"); step > 0; step-- {
		now += rapid.OneOf(
			rapid.SampledFrom([]int64{0, 0, 1, length, length - 1, length + 1, r.RetryAfter.Microseconds(), r.Refill.Microseconds(), r.Full.Microseconds()}),
			rapid.Int64Range(0, length/3),
		).Filter(func(d int64) bool { return d >= 0 }).Draw(t, "step")
		cost := rapid.OneOf(rapid.Just(int64(1)), rapid.Int64Range(1, l.Capacity())).Draw(t, "cost")

		room, slack := m.room(now)
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
			m.charge(now, cost)
			room.Sub(room, big.NewRat(cost, 1))
		}
		core.Describe(l, &decided, now, cost, allowed, allowed, &r)
		checkRemaining(t, l, r, room, slack)
		checkRetry(t, l, state, now, cost, r)
		if b, ok := m.(*bucket); ok && allowed {
			checkDelay(t, l, b, r)
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
func checkDelay(t *rapid.T, l *core.Limit, m *bucket, r core.Result) {
	want := new(big.Rat)
	if m.level.Sign() < 0 {
		want.Quo(new(big.Rat).Neg(m.level), m.perMicro)
	}
	got := big.NewRat(r.Delay.Microseconds(), 1)
	if off := got.Sub(got, want); off.Abs(off).Cmp(big.NewRat(21, 10)) > 0 {
		t.Fatalf("%s: delayed for %v, due are %sµs", l, r.Delay, want.FloatString(3))
	}
}
