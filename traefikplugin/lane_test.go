package traefikplugin

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/core/resp"
)

// through makes a middleware with these options in front of a service that
// answers 200.
func through(t *testing.T, name, rate string, change func(*Config)) http.Handler {
	t.Helper()
	config := CreateConfig()
	config.One.Rate = []string{rate}
	if change != nil {
		change(config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	h, err := New(ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}), config, name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func inRedis(address, timeout string) func(*Config) {
	return func(c *Config) {
		c.Redis = &Redis{Address: []string{address}}
		c.Timeout = timeout
	}
}

func from(h http.Handler, peer string) *http.Response {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = peer
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// TestLaneIsExact: many at once, on two middlewares of one limit.
func TestLaneIsExact(t *testing.T) {
	server := redistest.Start(t)
	for _, algorithm := range []string{"fixed-window", "sliding-window", "sliding-log", "token-bucket"} {
		t.Run(algorithm, func(t *testing.T) {
			options := func(c *Config) {
				inRedis(server.Addr(), "5s")(c)
				c.One.Algorithm = algorithm
			}
			first, second := through(t, algorithm, "40/1h", options), through(t, algorithm, "40/1h", options)
			var wg sync.WaitGroup
			var mu sync.Mutex
			left := map[string]int{}
			for i := range 200 {
				wg.Go(func() {
					h := first
					if i%2 == 1 {
						h = second
					}
					answer := from(h, "192.0.2.1:"+strconv.Itoa(1000+i))
					mu.Lock()
					defer mu.Unlock()
					if answer.StatusCode == http.StatusOK {
						left[answer.Header.Get("RateLimit")]++
					}
				})
			}
			wg.Wait()
			for n := range 40 {
				found := 0
				for value := range left {
					if strings.HasPrefix(value, fmt.Sprintf("%q;r=%d;", algorithm, n)) {
						found += left[value]
					}
				}
				if found != 1 {
					t.Errorf("%d requests were told that %d remain, want 1; all: %v", found, n, left)
				}
			}
			if len(left) != 40 {
				t.Errorf("%d allowed, want 40", len(left))
			}
		})
	}
}

// TestLaneThroughFaults: whatever the way to the server does, every request is
// answered, none waits for much longer than the timeout, and decisions are the
// store's again afterwards.
func TestLaneThroughFaults(t *testing.T) {
	server := redistest.Start(t)
	for name, fault := range map[string]redistest.Fault{
		"hold":    {Hold: true},
		"reset":   {Reset: true},
		"trickle": {Trickle: time.Millisecond},
		"delay":   {Delay: 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			wire := redistest.StartWire(t, server.Addr())
			h := through(t, name, "1000000/1h", inRedis(wire.Addr(), "1s"))
			for i := range 8 {
				from(h, fmt.Sprintf("192.0.2.%d:1", i))
			}
			wire.Set(fault)
			var wg sync.WaitGroup
			for i := range 32 {
				wg.Go(func() {
					for range 4 {
						began := time.Now()
						if answer := from(h, fmt.Sprintf("192.0.2.%d:1", i)); answer.StatusCode != http.StatusOK {
							t.Errorf("status %d", answer.StatusCode)
						}
						if took := time.Since(began); took > 3*time.Second {
							t.Errorf("an answer took %s at a timeout of 1s", took)
						}
					}
				})
			}
			wg.Wait()
			wire.Set(redistest.Fault{})
			deadline := time.Now().Add(20 * time.Second)
			for {
				keys := server.MustDo("DBSIZE")
				from(h, fmt.Sprintf("198.51.100.%d:1", time.Now().UnixNano()%250))
				if server.MustDo("DBSIZE") != keys {
					return
				}
				if time.Now().After(deadline) {
					t.Fatal("decisions are not the store's again")
				}
			}
		})
	}
}

// TestLaneLosesAConnection: once, while many ask. Those that it was asked for are
// not decided; the store is not given up, and the next are.
func TestLaneLosesAConnection(t *testing.T) {
	server := redistest.Start(t)
	h := through(t, "loses", "1000000/1h", func(c *Config) {
		inRedis(server.Addr(), "5s")(c)
		c.OnError = "deny"
	})
	from(h, "192.0.2.1:1")
	var wg sync.WaitGroup
	var undecided atomic.Int64
	for i := range 32 {
		wg.Go(func() {
			for j := range 60 {
				if i == 0 && j == 30 {
					server.MustDo("CLIENT", "KILL", "TYPE", "normal")
				}
				if answer := from(h, fmt.Sprintf("192.0.2.%d:1", i)); answer.StatusCode != http.StatusOK {
					undecided.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d of 1920 were not decided", undecided.Load())
	if n := undecided.Load(); n > 64 {
		t.Errorf("%d requests were not decided for one lost connection, want its batch", n)
	}
}

// TestLaneVerifies: a connection that the server closed while nobody asked is not
// asked.
func TestLaneVerifies(t *testing.T) {
	server := redistest.Start(t)
	runner, err := resp.New(redis.Options{Addresses: []string{server.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer runner.Close()
	limits, err := core.Spec{Name: "verified", Rate: "100/1h"}.Limits("weir")
	if err != nil {
		t.Fatal(err)
	}
	store, err := redis.New(runner, "weir", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	// The server learns the script.
	if err := store.Take(time.Now(), []core.Hit{{Limit: limits[0], Identity: "192.0.2.9", Cost: 1}}); err != nil {
		t.Fatal(err)
	}
	breaker := core.NewBreaker(func() error { return nil }, func(core.Event, error) { t.Error("the store failed") })
	defer breaker.Close()
	l := newLane(1, time.Now(), &sync.Mutex{}, func(l *lane, me *loop) { decideInRedis(l, me, runner, breaker, 5*time.Second) })
	defer l.close()
	g := newGate(&rule{limits: limits, cost: 1})
	at := int64(time.Since(l.origin))
	for n := range 3 {
		c := asked(g, at)
		l.calls <- c
		if <-c.done; !c.passed {
			t.Fatalf("call %d: %+v", n, c.err)
		}
		server.MustDo("CLIENT", "KILL", "TYPE", "normal")
		at += 2 * lineIdle
	}
}

// TestLaneAsksAgain: who is denied is told so without Redis, for a second at
// most; then a limit that was reset meanwhile allows.
func TestLaneAsksAgain(t *testing.T) {
	server := redistest.Start(t)
	h := through(t, "again", "1/1h", inRedis(server.Addr(), "5s"))
	from(h, "192.0.2.1:1")
	first := from(h, "192.0.2.1:1")
	if first.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("status %d", first.StatusCode)
	}
	server.MustDo("CONFIG", "RESETSTAT")
	flooding := time.Now()
	for range 500 {
		from(h, "192.0.2.1:1")
	}
	if got, most := evaluations(t, server), 2+int(time.Since(flooding)/time.Second); got > most {
		t.Errorf("Redis was asked %d times in a flood of 500, want at most %d", got, most)
	}
	server.MustDo("FLUSHALL")
	began := time.Now()
	denied := 0
	for {
		answer := from(h, "192.0.2.1:1")
		if answer.StatusCode == http.StatusOK {
			break
		}
		denied++
		for name := range first.Header {
			if got, want := answer.Header.Get(name), first.Header.Get(name); got != want && name != "Retry-After" && name != "Ratelimit" && name != "Content-Length" {
				t.Fatalf("%s: %q, want %q", name, got, want)
			}
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("denied for 10s after the limit was reset")
		}
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("let through %s after the reset, want about a second", took)
	}
	if denied == 0 {
		t.Error("Redis was asked at once")
	}
}

// TestLaneLeavesTheRest: what is not an IPv4 peer, and fields that are there
// already.
func TestLaneLeavesTheRest(t *testing.T) {
	server := redistest.Start(t)
	h := through(t, "rest", "3/1h", inRedis(server.Addr(), "5s"))
	for _, peer := range []string{"[2001:db8::1]:80", "[2001:db8::2]:80", "[2001:db8::ffff]:80"} {
		if answer := from(h, peer); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", peer, answer.StatusCode)
		}
	}
	if answer := from(h, "[2001:db8::3]:80"); answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the fourth of a /64: status %d", answer.StatusCode)
	}
	inner := through(t, "inner", "100/1h", inRedis(server.Addr(), "5s"))
	w := httptest.NewRecorder()
	w.Header().Set("RateLimit", `"outer";r=7;t=9`)
	inner.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got := w.Header().Values("RateLimit"); len(got) != 2 || got[0] != `"outer";r=7;t=9` || !strings.HasPrefix(got[1], `"inner";r=99;`) {
		t.Errorf("RateLimit %q", got)
	}
}

// TestLaneLeavesConnections: where there are few connections, no lane keeps them
// from the requests that it leaves to handlers.
func TestLaneLeavesConnections(t *testing.T) {
	server := redistest.Start(t)
	for _, size := range []string{"1", "2", "4", "5"} {
		few := func(c *Config) {
			inRedis(server.Addr(), "5s")(c)
			c.OnError = "deny"
			c.Redis.PoolSize = size
		}
		usual := through(t, "usual-"+size, "1000/1h", few)
		other := through(t, "other-"+size, "1000/1h", func(c *Config) {
			few(c)
			c.One.Key = "header:X-User"
		})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 20 {
					h := usual
					if (i+j)%2 == 1 {
						h = other
					}
					if answer := from(h, "192.0.2.1:1"); answer.StatusCode != http.StatusOK {
						t.Errorf("poolSize %s: status %d", size, answer.StatusCode)
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestLaneEnds: a request of an earlier configuration is answered although the
// lane has ended.
func TestLaneEnds(t *testing.T) {
	l := newLane(3, time.Now(), &sync.Mutex{}, func(l *lane, _ *loop) {
		for c := <-l.calls; c != nil; c = <-l.calls {
			c.passed = true
			c.done <- true
		}
	})
	for range 10 {
		c := &call{done: make(chan bool, 1)}
		l.calls <- c
		if <-c.done; !c.passed {
			t.Fatal("a loop does not decide")
		}
	}
	l.close()
	late := &call{done: make(chan bool, 1)}
	l.calls <- late
	if <-late.done; late.passed {
		t.Error("a loop still decides")
	}
}

// TestLaneSurvives: what panics in a loop is left to the handlers, and the loop
// goes on.
func TestLaneSurvives(t *testing.T) {
	l := newLane(1, time.Now(), &sync.Mutex{}, func(l *lane, me *loop) {
		for n := 0; ; n++ {
			c := <-l.calls
			if c == nil {
				return
			}
			me.hand[0] = c
			if c.peer == "panic" {
				panic("of a loop")
			}
			c.passed = true
			me.hand[0] = nil
			c.done <- true
		}
	})
	defer l.close()
	for _, peer := range []string{"a", "panic", "b", "panic", "panic", "c"} {
		c := &call{peer: peer, done: make(chan bool, 1)}
		l.calls <- c
		if <-c.done; c.passed != (peer != "panic") {
			t.Errorf("%s: passed %t", peer, c.passed)
		}
	}
}

func TestStands(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{
		1: 1, 999 * time.Millisecond: 999 * time.Millisecond, time.Second: time.Second,
		time.Second + 1: 1, 2500 * time.Millisecond: 500 * time.Millisecond,
	} {
		if got := stands(after); got != want {
			t.Errorf("%s: stands %s, want %s", after, got, want)
		}
	}
}

// TestLaneSpendsLeases: what is fetched ahead is handed out once, whoever
// decides, and with Redis gone for as long as it lasts.
func TestLaneSpendsLeases(t *testing.T) {
	server := redistest.Start(t)
	leased := func(lease string) func(*Config) {
		return func(c *Config) {
			inRedis(server.Addr(), "5s")(c)
			c.One.Lease = lease
		}
	}
	first, second := through(t, "leased", "500/1h", leased("20 1m")), through(t, "leased", "500/1h", leased("20 1m"))
	var wg sync.WaitGroup
	var mu sync.Mutex
	allowed, reported := 0, map[string]bool{}
	server.MustDo("CONFIG", "RESETSTAT")
	for i := range 16 {
		wg.Go(func() {
			for j := range 100 {
				h := first
				if (i+j)%2 == 1 {
					h = second
				}
				answer := from(h, "192.0.2.1:1")
				mu.Lock()
				if answer.StatusCode == http.StatusOK {
					allowed++
					reported[answer.Header.Get("RateLimit")] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	// Loops that know of different leases leave what they cannot reach.
	if allowed > 500 || allowed < 500-20 {
		t.Errorf("%d allowed, want 500 or a lease less", allowed)
	}
	if len(reported) < allowed/2 {
		t.Errorf("%d answers said only %d things of what remains", allowed, len(reported))
	}
	asked := evaluations(t, server)
	t.Logf("%d allowed, Redis was asked %d times", allowed, asked)

	quiet := through(t, "quiet", "500/1h", leased("20 1m"))
	server.MustDo("CONFIG", "RESETSTAT")
	for i := range 100 {
		from(quiet, fmt.Sprintf("192.0.2.%d:1", i))
	}
	if got := evaluations(t, server); got != 100 {
		t.Errorf("Redis was asked %d times for 100 clients that call once, want 100", got)
	}
	for i := range 100 {
		key := fmt.Sprintf("weir:{quiet:192.0.2.%d}:sw", i)
		if value := server.MustDo("GET", key); strings.Fields(value)[1] != "1" {
			t.Fatalf("%s: %s, want one unit charged", key, value)
		}
	}

	busy := through(t, "busy", "100000/1h", leased("1000 1m"))
	for range 2000 {
		from(busy, "192.0.2.1:1")
	}
	server.MustDo("CONFIG", "RESETSTAT")
	for range 1000 {
		from(busy, "192.0.2.1:1")
	}
	if got := evaluations(t, server); got > 100 {
		t.Errorf("Redis was asked %d times for 1000 requests of a busy client", got)
	}
}

// evaluations is how many scripts the server has run since its statistics were
// reset.
func evaluations(t *testing.T, server *redistest.Server) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(server.MustDo("INFO", "commandstats")) {
		if strings.HasPrefix(line, "cmdstat_evalsha:") {
			if _, err := fmt.Sscanf(line, "cmdstat_evalsha:calls=%d,", &n); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}
