package redis_test

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/core/storetest"
)

// TestMemoryEqualsRedis drives both stores by one clock through random
// sequences. Whatever happens, they answer the same.
func TestMemoryEqualsRedis(t *testing.T) {
	server := redistest.Start(t)
	runner := open(t, runners["go-redis"], server.Addr())
	store, err := redis.New(runner, "equal", soon)
	if err != nil {
		t.Fatal(err)
	}
	var runs atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		clock := storetest.NewClock()
		local := memory.New(memory.DefaultMaxKeys)
		defer local.Close()
		p := &pair{
			T: t, clock: clock, keys: map[place]time.Time{}, memory: local, redis: inTime{store.WithClock(clock.Micros)},
			identities: []string{"a" + strconv.FormatInt(runs.Add(1), 10), "b" + strconv.FormatInt(runs.Load(), 10)},
		}
		for i := 0; i < 3; i++ {
			p.limits = append(p.limits, p.draw(i, rapid.SampledFrom(core.Algorithms()).Draw(t, "algorithm")))
		}
		t.Repeat(map[string]func(*rapid.T){
			"take":   p.take,
			"peek":   p.peek,
			"wait":   p.wait,
			"back":   p.back,
			"change": p.change,
			"refund": p.refund,
			"block":  p.block,
			"reset":  p.reset,
		})
	})
}

// pair is both stores, and what was asked of them.
type pair struct {
	*rapid.T
	clock      *storetest.Clock
	memory     core.Store
	redis      core.Store
	identities []string
	limits     []bounded
	last       []core.Hit
	charged    [][2][]core.Hit // a take as each store has answered it

	// keys are when each key may be forgotten.
	keys map[place]time.Time
}

type place struct {
	limit    int
	identity string
}

// bounded is a limit, and the unit of what is asked of it. Redis's keys go by
// the real clock: a unit takes a second at least to be forgotten, so that none
// dies of that within a test.
type bounded struct {
	*core.Limit
	unit int64
}

var rates = []struct {
	rate string
	unit int64
}{
	{"7/1m", 1}, {"3/10m", 1}, {"0/1m", 1}, {"1/10s", 1}, {"101/1h", 1}, {"1000/17m", 1},
	{"1/366d", 1}, {"10000/1d", 1}, {"1000000000/366d", 1_000_003}, {"999999937/1d", 77_777_777},
}

// draw makes a limit with random numbers. The name tells its place, so that
// another one there is the same limit changed.
func (p *pair) draw(place int, a core.Algorithm) bounded {
	r := rapid.SampledFrom(rates).Draw(p.T, "rate")
	spec := core.Spec{
		Name: "limit" + strconv.Itoa(place), Rate: r.rate, Algorithm: a.String(),
		DryRun: rapid.IntRange(0, 3).Draw(p.T, "dry run") == 0,
	}
	if a.Waits() {
		if burst := rapid.Int64Range(0, 9).Draw(p.T, "burst") * r.unit; burst > 0 {
			spec.Burst = &burst
		}
		if wait := time.Duration(rapid.Int64Range(-1e12, 1e12).Draw(p.T, "max wait")); wait >= 0 {
			spec.MaxWait = &wait
		}
	}
	limits, err := spec.Limits("equal")
	if err != nil {
		// Too much for a sliding-log, or a burst for years.
		return p.draw(place, a)
	}
	return bounded{limits[0], r.unit}
}

func (p *pair) change(*rapid.T) {
	i := rapid.IntRange(0, len(p.limits)-1).Draw(p.T, "limit")
	p.limits[i] = p.draw(i, p.limits[i].Algorithm)
}

func (p *pair) hits() []core.Hit {
	var hits []core.Hit
	for i, l := range p.limits {
		if i > 0 && rapid.Bool().Draw(p.T, "left out") {
			continue
		}
		cost := rapid.OneOf(
			rapid.SampledFrom([]int64{0, l.unit, l.unit, l.unit, l.Capacity(), l.Capacity() + 1}),
			rapid.Int64Range(1, 9),
		).Draw(p.T, "cost")
		if cost > 0 && cost < l.unit {
			cost *= l.unit
		}
		if cost > core.MaxCount {
			cost = core.MaxCount
		}
		hits = append(hits, core.Hit{Limit: l.Limit, Identity: rapid.SampledFrom(p.identities).Draw(p.T, "identity"), Cost: cost})
	}
	return hits
}

func (p *pair) take(*rapid.T) {
	mine := p.hits()
	theirs := append([]core.Hit(nil), mine...)
	p.must(p.memory.Take(p.clock.Now(), mine))
	p.must(p.redis.Take(p.clock.Now(), theirs))
	p.same(mine, theirs)
	p.last = mine
	p.charged = append(p.charged, [2][]core.Hit{mine, theirs})
	for _, h := range mine {
		if h.Result.Charged {
			p.lives(h.Limit, h.Identity, h.Result.Full)
		}
	}
}

func (p *pair) peek(*rapid.T) {
	mine := p.hits()
	theirs := append([]core.Hit(nil), mine...)
	p.must(p.memory.Peek(p.clock.Now(), mine))
	p.must(p.redis.Peek(p.clock.Now(), theirs))
	p.same(mine, theirs)
	p.last = mine
}

// wait moves the clock to where something may happen, and around it.
func (p *pair) wait(*rapid.T) {
	steps := []time.Duration{0, time.Microsecond, time.Second, 5 * time.Second, time.Minute, time.Hour, 400 * 24 * time.Hour}
	for _, h := range p.last {
		steps = append(steps, h.Limit.Rate.Window, h.Result.RetryAfter, h.Result.Refill, h.Result.Full, h.Result.Delay)
	}
	d := rapid.SampledFrom(steps).Draw(p.T, "step")
	d += time.Duration(rapid.IntRange(-1, 1).Draw(p.T, "around")) * time.Microsecond
	d -= d * time.Duration(rapid.IntRange(0, 2).Draw(p.T, "part")) / 3
	if d > 0 {
		p.clock.Advance(d)
		p.forget()
	}
}

func (p *pair) back(*rapid.T) {
	p.clock.Advance(-time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(p.T, "back")))
}

// lives notes that a key may be forgotten in d.
func (p *pair) lives(l *core.Limit, identity string, d time.Duration) {
	for i := range p.limits {
		if p.limits[i].Name == l.Name {
			p.keys[place{i, identity}] = p.clock.Now().Add(d)
		}
	}
}

// forget removes what may be forgotten by now, which memory does when it comes
// to it and Redis by the real clock.
func (p *pair) forget() {
	for k, full := range p.keys {
		if full.After(p.clock.Now()) {
			continue
		}
		delete(p.keys, k)
		p.must(p.memory.Reset(p.limits[k.limit].Limit, k.identity))
		p.must(p.redis.Reset(p.limits[k.limit].Limit, k.identity))
	}
}

// refund gives back an earlier take, each once.
func (p *pair) refund(t *rapid.T) {
	if len(p.charged) == 0 {
		t.Skip("nothing was taken")
	}
	i := rapid.IntRange(0, len(p.charged)-1).Draw(p.T, "take")
	p.must(p.memory.Refund(p.clock.Now(), p.charged[i][0]))
	p.must(p.redis.Refund(p.clock.Now(), p.charged[i][1]))
	p.charged = append(p.charged[:i:i], p.charged[i+1:]...)
}

func (p *pair) block(*rapid.T) {
	l := rapid.SampledFrom(p.limits).Draw(p.T, "limit")
	identity := rapid.SampledFrom(p.identities).Draw(p.T, "identity")
	d := time.Duration(rapid.Int64Range(int64(10*time.Second), int64(time.Hour)).Draw(p.T, "block")).Truncate(time.Microsecond)
	p.must(p.memory.Block(p.clock.Now(), l.Limit, identity, d))
	p.must(p.redis.Block(p.clock.Now(), l.Limit, identity, d))
	p.lives(l.Limit, identity, d)
}

func (p *pair) reset(*rapid.T) {
	l := rapid.SampledFrom(p.limits).Draw(p.T, "limit")
	identity := rapid.SampledFrom(p.identities).Draw(p.T, "identity")
	p.must(p.memory.Reset(l.Limit, identity))
	p.must(p.redis.Reset(l.Limit, identity))
}

func (p *pair) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// same compares the answers. Stamps are each store's own.
func (p *pair) same(mine, theirs []core.Hit) {
	p.Helper()
	for i := range mine {
		m, r := mine[i].Result, theirs[i].Result
		m.Stamp, r.Stamp = 0, 0
		if m != r {
			p.Fatalf("%s, cost %d:\nmemory %s\nredis  %s", mine[i].Limit, mine[i].Cost, fmt.Sprintf("%+v", m), fmt.Sprintf("%+v", r))
		}
	}
}
