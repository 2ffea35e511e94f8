package redis_test

import (
	"fmt"
	"math/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

// TestTell: what the script tells of an allowed hit is what the header fields
// say of the same hit decided by Take; where the hit is denied or has to wait,
// the reply is Take's. Two keys live through the same random history.
func TestTell(t *testing.T) {
	server := redistest.Start(t)
	for _, a := range core.Algorithms() {
		for name, newRunner := range runners {
			t.Run(a.String()+"/"+name, func(t *testing.T) {
				runner := open(t, newRunner, server.Addr())
				store, err := redis.New(runner, "weir", soon)
				if err != nil {
					t.Fatal(err)
				}
				random := rand.New(rand.NewSource(int64(a)))
				for history := range 30 {
					now := int64(1_700_000_000_000_000)
					store := store.WithClock(func() int64 { return now })
					spec := core.Spec{Name: fmt.Sprintf("tell-%s-%s-%d", a, name, history), Rate: fmt.Sprintf("%d/%s", 1+random.Intn(20), []string{"1s", "7s", "1m", "1h"}[random.Intn(4)]), Algorithm: a.String()}
					if a == core.TokenBucket && history%2 == 0 {
						wait := 300 * time.Millisecond
						spec.MaxWait = &wait
					}
					limits, err := spec.Limits("weir")
					if err != nil {
						t.Fatal(err)
					}
					for step := range 40 {
						compareTold(t, runner, store, limits[0], now, step)
						now += random.Int63n(2 * limits[0].Rate.Window.Microseconds() / limits[0].Rate.Count)
					}
				}
			})
		}
	}
}

func compareTold(t *testing.T, runner redis.Runner, store *redis.Store, limit *core.Limit, now int64, step int) {
	t.Helper()
	taken := []core.Hit{{Limit: limit, Identity: "192.0.2.1", Cost: 1}}
	if err := store.Take(time.Now(), taken); err != nil {
		t.Fatal(err)
	}
	script, args := redis.Tell(limit, 1)
	args[2] = fmt.Sprint(now)
	reply, err := runner.Run(time.Now().Add(soon), script, []string{core.Key(limit, "192.0.2.2")}, args)
	if err != nil {
		t.Fatal(err)
	}
	if told, ok := strings.CutPrefix(reply, "="); ok {
		header := http.Header{}
		core.Headers{RateLimit: true}.Set(header, taken, core.Summarize(taken))
		_, name := core.Fields(limit)
		if got, want := name+told, header.Get("RateLimit"); got != want || !taken[0].Result.Allowed || taken[0].Result.Delay > 0 {
			t.Fatalf("step %d of %s: told %s, want %s of %+v", step, limit, got, want, taken[0].Result)
		}
		return
	}
	read := []core.Hit{{Limit: limit, Identity: "192.0.2.2", Cost: 1}}
	if err := redis.Read(reply, read); err != nil {
		t.Fatalf("step %d of %s: %v", step, limit, err)
	}
	if read[0].Result != taken[0].Result {
		t.Fatalf("step %d of %s: %+v, want %+v", step, limit, read[0].Result, taken[0].Result)
	}
	if read[0].Result.Allowed && read[0].Result.Delay == 0 {
		t.Fatalf("step %d of %s: %+v, of which nothing is told", step, limit, read[0].Result)
	}
}
