package redis_test

import (
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/goredis"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/core/resp"
	"github.com/weirproxy/weir/core/storetest"
)

// soon is long for a decision, and short for whoever waits for a test to fail.
const soon = 10 * time.Second

// runners are both ways to a server. The interpreted one is run by its
// interpreter in the demo's tests.
var runners = map[string]func(redis.Options) (redis.Runner, error){
	"go-redis": func(o redis.Options) (redis.Runner, error) { return goredis.New(o) },
	"resp":     func(o redis.Options) (redis.Runner, error) { return resp.New(o) },
}

func TestStore(t *testing.T) {
	server := redistest.Start(t)
	for name, newRunner := range runners {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, harness(t, open(t, newRunner, server.Addr()), server.Life))
		})
	}
}

func TestStoreOnCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, 0)
	for name, newRunner := range runners {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, harness(t, open(t, newRunner, cluster.Addrs()...), func(key string) (time.Duration, bool) {
				return cluster.Owner(key).Life(key)
			}))
		})
	}
}

func open(t testing.TB, newRunner func(redis.Options) (redis.Runner, error), addresses ...string) redis.Runner {
	t.Helper()
	runner, err := newRunner(redis.Options{Addresses: addresses})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runner.Close() })
	return runner
}

func harness(t *testing.T, runner redis.Runner, life func(string) (time.Duration, bool)) storetest.Open {
	store, err := redis.New(runner, "storetest", soon)
	if err != nil {
		t.Fatal(err)
	}
	return func(_ *testing.T, clock *storetest.Clock) storetest.Harness {
		return storetest.Harness{Store: inTime{store.WithClock(clock.Micros)}, Life: life, Real: true}
	}
}

// inTime reckons deadlines by the real clock, while the store goes by another.
type inTime struct{ *redis.Store }

func (s inTime) Take(_ time.Time, hits []core.Hit) error   { return s.Store.Take(time.Now(), hits) }
func (s inTime) Peek(_ time.Time, hits []core.Hit) error   { return s.Store.Peek(time.Now(), hits) }
func (s inTime) Refund(_ time.Time, hits []core.Hit) error { return s.Store.Refund(time.Now(), hits) }

func (s inTime) Block(_ time.Time, l *core.Limit, identity string, d time.Duration) error {
	return s.Store.Block(time.Now(), l, identity, d)
}

// A key that has lost its lifetime, by an operator's hand or another program's,
// has one again after the next charge.
func TestLostLifetime(t *testing.T) {
	server := redistest.Start(t)
	store, err := redis.New(open(t, runners["resp"], server.Addr()), "lifetime", soon)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range core.Algorithms() {
		limits, err := core.Spec{Name: "limit", Rate: "10/1m", Algorithm: a.String()}.Limits("lifetime")
		if err != nil {
			t.Fatal(err)
		}
		hits := []core.Hit{{Limit: limits[0], Identity: "x", Cost: 1}}
		key := core.Key(limits[0], "x")
		for _, lost := range []bool{false, true} {
			if lost {
				server.MustDo("PERSIST", key)
				if _, ok := server.Life(key); ok {
					t.Fatalf("%s: PERSIST left a lifetime", a)
				}
			}
			if err := store.Take(time.Now(), hits); err != nil || !hits[0].Result.Charged {
				t.Fatalf("%s: %v, %+v", a, err, hits[0].Result)
			}
			life, ok := server.Life(key)
			if full := hits[0].Result.Full; !ok || life > full+time.Second || life < full-soon {
				t.Errorf("%s: a lifetime of %v, %t; full in %v", a, life, ok, full)
			}
		}
	}
}
