package main

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/goredis"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/storetest"
)

// TestMiniredis holds what the demo uses where there is no Redis to the suite
// that a real one passes.
func TestMiniredis(t *testing.T) {
	server := miniredis.RunT(t)
	runner, err := goredis.New(redis.Options{Addresses: []string{server.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runner.Close() })
	store, err := redis.New(runner, "storetest", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(_ *testing.T, clock *storetest.Clock) storetest.Harness {
		return storetest.Harness{
			Store: inTime{store.WithClock(clock.Micros)},
			Life: func(key string) (time.Duration, bool) {
				life := server.TTL(key)
				return life, life > 0
			},
		}
	})
}

// inTime reckons deadlines by the real clock, while the store goes by another.
type inTime struct{ *redis.Store }

func (s inTime) Take(_ time.Time, hits []core.Hit) error   { return s.Store.Take(time.Now(), hits) }
func (s inTime) Peek(_ time.Time, hits []core.Hit) error   { return s.Store.Peek(time.Now(), hits) }
func (s inTime) Refund(_ time.Time, hits []core.Hit) error { return s.Store.Refund(time.Now(), hits) }

func (s inTime) Block(_ time.Time, l *core.Limit, identity string, d time.Duration) error {
	return s.Store.Block(time.Now(), l, identity, d)
}
