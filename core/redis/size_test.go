package redis_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

// A key takes what docs/redis.md says.
func TestSizeOfAKey(t *testing.T) {
	server := redistest.Start(t)
	store, err := redis.New(open(t, runners["resp"], server.Addr()), "weir", soon)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		algorithm core.Algorithm
		units     int64
		told      int
	}{
		{core.SlidingWindow, 10, 120}, {core.FixedWindow, 10, 120}, {core.TokenBucket, 10, 120}, {core.LeakyBucket, 10, 120},
		{core.SlidingLog, 10, 280}, {core.SlidingLog, 100, 1200}, {core.SlidingLog, 1000, 10_400}, {core.SlidingLog, 10_000, 101_000},
	} {
		limits, err := core.Spec{Name: "limit", Rate: "10000/1h", Algorithm: test.algorithm.String()}.Limits("weir")
		if err != nil {
			t.Fatal(err)
		}
		identity := fmt.Sprintf("203.0.%d.%d", test.units%200, test.units/100%200)
		for i := int64(0); i < test.units; i++ {
			hits := []core.Hit{{Limit: limits[0], Identity: identity, Cost: 1}}
			if err := store.Take(time.Now(), hits); err != nil || !hits[0].Result.Charged {
				t.Fatalf("%s: %v, %+v", test.algorithm, err, hits[0].Result)
			}
		}
		size, err := strconv.Atoi(server.MustDo("MEMORY", "USAGE", core.Key(limits[0], identity), "SAMPLES", "0"))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s, %d requests: %d bytes", test.algorithm, test.units, size)
		if size > test.told+test.told/20 {
			t.Errorf("%s, %d requests: %d bytes, told are %d", test.algorithm, test.units, size, test.told)
		}
	}
}

// Many clients, WEIR_CLIENTS in number, take a key each that has a lifetime, and
// leave nothing.
func TestManyClients(t *testing.T) {
	clients := number(t, "WEIR_CLIENTS", 20_000)
	server := redistest.Start(t)
	store, err := redis.New(open(t, runners["go-redis"], server.Addr()), "weir", soon)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range core.Algorithms() {
		server.MustDo("FLUSHALL")
		before := info(t, server, "memory", "used_memory")
		many(t, store, a, "100/1h", clients)
		keys, mortal := keyspace(t, server)
		size := float64(info(t, server, "memory", "used_memory")-before) / float64(clients)
		t.Logf("%s: %.0f bytes a client", a, size)
		if keys != clients || mortal != clients {
			t.Errorf("%s: %d clients have %d keys, %d of them with a lifetime", a, clients, keys, mortal)
		}
		if size > 320 {
			t.Errorf("%s: %.0f bytes a client", a, size)
		}
	}
	server.MustDo("FLUSHALL")
	for _, a := range core.Algorithms() {
		many(t, store, a, "100/100ms", clients/10)
	}
	// The server looks for keys that are over ten times a second.
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if keys, _ := keyspace(t, server); keys == 0 {
			return
		} else if time.Now().After(end) {
			t.Fatalf("%d keys are left of clients that are gone", keys)
		}
	}
}

// many sends one request of each client.
func many(t *testing.T, store *redis.Store, a core.Algorithm, rate string, clients int) {
	t.Helper()
	limits, err := core.Spec{Name: "limit", Rate: rate, Algorithm: a.String()}.Limits("weir")
	if err != nil {
		t.Fatal(err)
	}
	const at = 64
	var all sync.WaitGroup
	for first := 0; first < at; first++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := first; i < clients; i += at {
				hits := []core.Hit{{Limit: limits[0], Identity: core.HashIdentity(strconv.Itoa(i)), Cost: 1}}
				if err := store.Take(time.Now(), hits); err != nil || !hits[0].Result.Charged {
					t.Errorf("client %d: %v, %+v", i, err, hits[0].Result)
					return
				}
			}
		}()
	}
	all.Wait()
}

func info(t *testing.T, server *redistest.Server, section, field string) int {
	t.Helper()
	for _, line := range strings.Split(server.MustDo("INFO", section), "\r\n") {
		if text, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", field)
	return 0
}

// keyspace is how many keys there are, and how many have a lifetime.
func keyspace(t *testing.T, server *redistest.Server) (keys, mortal int) {
	t.Helper()
	text := server.MustDo("INFO", "keyspace")
	if at := strings.Index(text, "db0:"); at >= 0 {
		if _, err := fmt.Sscanf(text[at:], "db0:keys=%d,expires=%d", &keys, &mortal); err != nil {
			t.Fatal(err)
		}
	}
	return keys, mortal
}
