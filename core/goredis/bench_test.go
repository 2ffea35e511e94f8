package goredis_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

// BenchmarkTake is a decision on a real server, by so many at once.
func BenchmarkTake(b *testing.B) {
	server := redistest.Start(b)
	store, err := redis.New(newClient(b, redis.Options{Addresses: []string{server.Addr()}}), "bench", soon)
	if err != nil {
		b.Fatal(err)
	}
	limits, err := core.Spec{Name: "bench", Rate: "1000000/1s"}.Limits("bench")
	if err != nil {
		b.Fatal(err)
	}
	for _, parallel := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(parallel), func(b *testing.B) {
			var next atomic.Int64
			b.SetParallelism(parallel)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				hits := []core.Hit{{Limit: limits[0], Identity: strconv.FormatInt(next.Add(1), 10), Cost: 1}}
				for pb.Next() {
					if err := store.Take(time.Now(), hits); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
