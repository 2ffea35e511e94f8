package main

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
)

// plenty is a limit that nothing here reaches.
const plenty = 100_000_000

// refill is what a bucket regains in an hour: so little that none is full again
// before its client's next request.
const refill = 12_000

// taker decides one request of the client. Each goroutine makes its own.
type taker func(client string) (allowed bool, err error)

// BenchmarkMemory is a decision in memory that allows: each of this project's
// algorithms, and other Go limiters, with one client and many. All are asked by
// the same clients in the same order, the one that they first came in.
func BenchmarkMemory(b *testing.B) {
	limiters := map[string]func(*testing.B) func() taker{
		"go-limiter": goLimiter,
		"throttled":  throttledGCRA,
	}
	names := []string{"go-limiter", "throttled"}
	for _, a := range core.Algorithms() {
		limiters[a.String()] = func(b *testing.B) func() taker { return weir(b, a) }
		names = append(names, a.String())
	}
	for _, count := range []int{1, 100_000} {
		clients := addresses(count)
		for _, name := range names {
			b.Run(fmt.Sprintf("%s/%d/serial", name, count), func(b *testing.B) {
				take := limiters[name](b)()
				visit(b, take, clients)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if allowed, err := take(clients[i%len(clients)]); !allowed || err != nil {
						b.Fatalf("allowed %t, %v", allowed, err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/%d/parallel", name, count), func(b *testing.B) {
				newTaker := limiters[name](b)
				visit(b, newTaker(), clients)
				b.ReportAllocs()
				var goroutines atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					take := newTaker()
					// Far apart, so that none follows where another was just before.
					start := int(goroutines.Add(1)) * len(clients) / runtime.GOMAXPROCS(0)
					for i := start; pb.Next(); i++ {
						if allowed, err := take(clients[i%len(clients)]); !allowed || err != nil {
							b.Errorf("allowed %t, %v", allowed, err)
							return
						}
					}
				})
			})
		}
	}
}

// visit has each client known, so that no first request is measured.
func visit(b *testing.B, take taker, clients []string) {
	b.Helper()
	for _, client := range clients {
		if allowed, err := take(client); !allowed || err != nil {
			b.Fatalf("allowed %t, %v", allowed, err)
		}
	}
	b.ResetTimer()
}

func addresses(n int) []string {
	clients := make([]string, n)
	for i := range clients {
		clients[i] = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String()
	}
	return clients
}

func weir(b *testing.B, a core.Algorithm) func() taker {
	b.Helper()
	spec := core.Spec{Name: "bench", Rate: fmt.Sprintf("%d/1h", plenty), Algorithm: a.String()}
	switch {
	case a == core.SlidingLog:
		// A log has room for 10,000, which one client takes in no less than this.
		spec.Rate = "10000/1ms"
	case a.Waits():
		burst := int64(plenty)
		spec.Rate, spec.Burst = fmt.Sprintf("%d/1h", refill), &burst
	}
	limits, err := spec.Limits("bench")
	if err != nil {
		b.Fatal(err)
	}
	// Keys are not spread evenly, and none is to make room for another.
	store := memory.New(2 * memory.DefaultMaxKeys)
	b.Cleanup(func() { store.Close() })
	return func() taker {
		hits := []core.Hit{{Limit: limits[0], Cost: 1}}
		return func(client string) (bool, error) {
			hits[0].Identity = client
			err := store.Take(time.Now(), hits)
			return hits[0].Result.Allowed, err
		}
	}
}

func goLimiter(b *testing.B) func() taker {
	b.Helper()
	store, err := memorystore.New(&memorystore.Config{Tokens: plenty, Interval: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close(context.Background()) })
	return func() taker {
		return func(client string) (bool, error) {
			_, _, _, allowed, err := store.Take(context.Background(), client)
			return allowed, err
		}
	}
}

func throttledGCRA(b *testing.B) func() taker {
	b.Helper()
	store, err := memstore.NewCtx(0) // no bound on its keys
	if err != nil {
		b.Fatal(err)
	}
	limiter, err := throttled.NewGCRARateLimiterCtx(store, throttled.RateQuota{MaxRate: throttled.PerHour(refill), MaxBurst: plenty})
	if err != nil {
		b.Fatal(err)
	}
	// By default it gives up after ten attempts to swap a value that others
	// swap too.
	limiter.SetMaxCASAttemptsLimit(1000)
	return func() taker {
		return func(client string) (bool, error) {
			limited, _, err := limiter.RateLimitCtx(context.Background(), client, 1)
			return !limited, err
		}
	}
}
