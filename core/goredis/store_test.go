package goredis_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/goredis"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/core/storetest"
)

// soon is long for a decision, and short for whoever waits for a test to fail.
const soon = 10 * time.Second

func TestStore(t *testing.T) {
	server := redistest.Start(t)
	runner := newClient(t, redis.Options{Addresses: []string{server.Addr()}})
	storetest.Run(t, harness(t, runner, server.Do))
}

func TestStoreOnCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, 0)
	runner := newClient(t, redis.Options{Addresses: cluster.Addrs()})
	storetest.Run(t, harness(t, runner, func(args ...string) (string, error) {
		return cluster.Owner(args[1]).Do(args...)
	}))
}

func newClient(t testing.TB, o redis.Options) *goredis.Client {
	t.Helper()
	c, err := goredis.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func harness(t *testing.T, runner redis.Runner, do func(...string) (string, error)) storetest.Open {
	store, err := redis.New(runner, "storetest", soon)
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, clock *storetest.Clock) storetest.Harness {
		return storetest.Harness{
			Store: inTime{store.WithClock(clock.Micros)},
			Real:  true,
			Life: func(key string) (time.Duration, bool) {
				reply, err := do("PTTL", key)
				if err != nil {
					t.Fatal(err)
				}
				n, err := strconv.Atoi(reply)
				if err != nil {
					t.Fatal(err)
				}
				return time.Duration(n) * time.Millisecond, n > 0
			},
		}
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
