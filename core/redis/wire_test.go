package redis_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

// price is the most that a decision may cost: commands that the server runs,
// those of the script included, where it allows and where it denies, and bytes
// each way.
type price struct{ allowed, denied, asked, answered int64 }

// A decision costs no more on the wire and in the server than it does now,
// whichever client asks.
func TestPriceOfADecision(t *testing.T) {
	for _, test := range []struct {
		algorithm core.Algorithm
		limits    int
		most      price
	}{
		{core.FixedWindow, 1, price{4, 3, 150, 50}},
		{core.FixedWindow, 3, price{8, 5, 300, 100}},
		{core.SlidingWindow, 1, price{4, 3, 150, 50}},
		{core.SlidingWindow, 3, price{8, 5, 300, 100}},
		{core.SlidingLog, 1, price{8, 6, 150, 65}},
		{core.SlidingLog, 3, price{20, 14, 300, 145}},
		{core.TokenBucket, 1, price{4, 3, 180, 70}},
		{core.TokenBucket, 3, price{8, 5, 400, 150}},
		{core.LeakyBucket, 1, price{4, 3, 180, 70}},
		{core.LeakyBucket, 3, price{8, 5, 400, 150}},
	} {
		for name, newRunner := range runners {
			t.Run(fmt.Sprintf("%s/%d/%s", test.algorithm, test.limits, name), func(t *testing.T) {
				server := redistest.Start(t)
				wire := redistest.StartWire(t, server.Addr())
				store, err := redis.New(open(t, newRunner, wire.Addr()), "weir", soon)
				if err != nil {
					t.Fatal(err)
				}
				hits := hitsOf(t, test.algorithm, test.limits)
				// The first opens a connection and loads the script.
				if err := store.Take(time.Now(), hits); err != nil {
					t.Fatal(err)
				}
				checkPrice(t, server, wire, store, hits, test.most.allowed, true, test.most)
				for i := range hits {
					hits[i].Cost = 70
				}
				checkPrice(t, server, wire, store, hits, test.most.denied, false, test.most)
			})
		}
	}
}

// TestPriceOfTelling: the same for a decision that Traefik asks for, which the
// script puts into words.
func TestPriceOfTelling(t *testing.T) {
	for algorithm, most := range map[core.Algorithm]price{
		core.FixedWindow:   {4, 3, 180, 15},
		core.SlidingWindow: {4, 3, 180, 15},
		core.SlidingLog:    {8, 6, 180, 15},
		core.TokenBucket:   {4, 3, 225, 15},
		core.LeakyBucket:   {4, 3, 250, 15},
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			server := redistest.Start(t)
			wire := redistest.StartWire(t, server.Addr())
			runner := open(t, runners["resp"], wire.Addr())
			hit := hitsOf(t, algorithm, 1)[0]
			tell := func(identity string) string {
				t.Helper()
				script, args := redis.Tell(hit.Limit, 1)
				reply, err := runner.Run(time.Now().Add(soon), script, []string{core.Key(hit.Limit, identity)}, args)
				if err != nil {
					t.Fatal(err)
				}
				return reply
			}
			// The first opens a connection and loads the script.
			tell("203.0.113.1")
			server.MustDo("CONFIG", "RESETSTAT")
			askedBefore, answeredBefore := wire.Bytes()
			if reply := tell("203.0.113.7"); !strings.HasPrefix(reply, "=") {
				t.Fatalf("told %q", reply)
			}
			asked, answered := wire.Bytes()
			asked, answered = asked-askedBefore, answered-answeredBefore
			ran := calls(t, server)
			t.Logf("%d commands, %d bytes asked, %d answered", ran, asked, answered)
			if ran > most.allowed || asked > most.asked || answered > most.answered {
				t.Errorf("want at most %d commands, %d bytes asked, %d answered", most.allowed, most.asked, most.answered)
			}
		})
	}
}

// hitsOf are hits of limits that allow a few requests at cost 1, and none at
// cost 70 after them.
func hitsOf(t *testing.T, a core.Algorithm, n int) []core.Hit {
	t.Helper()
	var hits []core.Hit
	for i := range n {
		limits, err := core.Spec{Name: "per-client-" + strconv.Itoa(i), Rate: "70/1h", Algorithm: a.String()}.Limits("weir")
		if err != nil {
			t.Fatal(err)
		}
		hits = append(hits, core.Hit{Limit: limits[0], Identity: "203.0.113.7", Cost: 1})
	}
	return hits
}

func checkPrice(t *testing.T, server *redistest.Server, wire *redistest.Wire, store *redis.Store, hits []core.Hit, commands int64, allowed bool, most price) {
	t.Helper()
	server.MustDo("CONFIG", "RESETSTAT")
	askedBefore, answeredBefore := wire.Bytes()
	if err := store.Take(time.Now(), hits); err != nil || hits[0].Result.Allowed != allowed {
		t.Fatalf("%v, %+v, want allowed %t", err, hits[0].Result, allowed)
	}
	asked, answered := wire.Bytes()
	asked, answered = asked-askedBefore, answered-answeredBefore
	ran := calls(t, server)
	t.Logf("allowed %t: %d commands, %d bytes asked, %d answered", allowed, ran, asked, answered)
	if ran > commands || asked > most.asked || answered > most.answered {
		t.Errorf("allowed %t: want at most %d commands, %d bytes asked, %d answered", allowed, commands, most.asked, most.answered)
	}
}

// calls is how many commands the server has run since its statistics were reset.
func calls(t *testing.T, server *redistest.Server) int64 {
	t.Helper()
	var sum int64
	for line := range strings.Lines(server.MustDo("INFO", "commandstats")) {
		var n int64
		command, stats, _ := strings.Cut(line, ":")
		if command == "cmdstat_config|resetstat" || !strings.HasPrefix(command, "cmdstat_") {
			continue
		}
		if _, err := fmt.Sscanf(stats, "calls=%d,", &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		sum += n
	}
	return sum
}
