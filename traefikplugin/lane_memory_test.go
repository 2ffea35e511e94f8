package traefikplugin

import (
	"fmt"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
)

// TestLaneReckonsAsCore: two stores live through the same random history, one
// through a lane where that decides, the other through core alone. Answers and
// states stay the same.
func TestLaneReckonsAsCore(t *testing.T) {
	random := rand.New(rand.NewSource(3))
	for _, a := range core.Algorithms() {
		if a == core.SlidingLog {
			continue
		}
		decided := 0
		for range 300 {
			rate := fmt.Sprintf("%d/%s", 1+random.Intn(40), []string{"300ms", "1s", "7s", "1m", "3h", "400d"}[random.Intn(5)])
			spec := core.Spec{Name: "lane", Rate: rate, Algorithm: a.String()}
			if a.Waits() {
				burst := int64(1 + random.Intn(60))
				spec.Burst = &burst
			}
			limits, err := spec.Limits("weir")
			if err != nil {
				t.Fatal(err)
			}
			r := &rule{limits: limits, cost: 1}
			if most := limits[0].Capacity(); most > 3 && random.Intn(3) == 0 {
				r.cost = 1 + random.Int63n(3)
			}
			decided += laneHistory(t, random, r)
		}
		t.Logf("%s: %d of 18000 hits were decided in the lane", a, decided)
		if decided < 4000 {
			t.Errorf("%s: only %d of 18000 hits were decided in the lane", a, decided)
		}
	}
}

func laneHistory(t *testing.T, random *rand.Rand, r *rule) (decided int) {
	t.Helper()
	limit := r.limits[0]
	inLane, inCore := memory.New(1000), memory.New(1000)
	defer inLane.Close()
	defer inCore.Close()
	origin, _ := memory.Clock(inLane)
	l := newLane(1, origin, &sync.Mutex{}, func(l *lane, me *loop) { decideInMemory(l, me, inLane) })
	defer l.close()
	g := newGate(r)
	at := int64(0)
	for step := range 60 {
		want := []core.Hit{{Limit: limit, Identity: "192.0.2.1", Cost: r.cost}}
		coreOrigin, _ := memory.Clock(inCore)
		_ = inCore.Take(coreOrigin.Add(time.Duration(at)), want)
		c := asked(g, at)
		l.calls <- c
		<-c.done
		if !c.passed {
			got := []core.Hit{{Limit: limit, Identity: "192.0.2.1", Cost: r.cost}}
			_ = inLane.Take(origin.Add(time.Duration(at)), got)
			got[0].Result.Stamp, want[0].Result.Stamp = 0, 0
			if got[0].Result != want[0].Result {
				t.Fatalf("step %d of %s, left to core: %+v, want %+v", step, limit, got[0].Result, want[0].Result)
			}
		} else {
			decided++
			header := http.Header{}
			core.Headers{RateLimit: true}.Set(header, want, core.Summarize(want))
			if got := c.w.Header().Get("RateLimit"); got != header.Get("RateLimit") || !want[0].Result.Allowed || want[0].Result.Delay > 0 {
				t.Fatalf("step %d of %s at cost %d: the lane says %s, core %s of %+v", step, limit, r.cost, got, header.Get("RateLimit"), want[0].Result)
			}
		}
		at += 1000 * random.Int63n(2*limit.Rate.Window.Microseconds()/(1+int64(random.Intn(40))))
	}
	return decided
}

func asked(g *gate, at int64) *call {
	return &call{gate: g, w: httptest.NewRecorder(), peer: "192.0.2.1:80", at: at, done: make(chan bool, 1)}
}

// TestLaneLetsGo: a key that was removed is not charged where it no longer
// counts.
func TestLaneLetsGo(t *testing.T) {
	limits, err := core.Spec{Name: "lane", Rate: "5/1h"}.Limits("weir")
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New(1000)
	defer store.Close()
	origin, _ := memory.Clock(store)
	l := newLane(1, origin, &sync.Mutex{}, func(l *lane, me *loop) { decideInMemory(l, me, store) })
	defer l.close()
	g := newGate(&rule{limits: limits, cost: 1})
	take := func() string {
		c := asked(g, 0)
		l.calls <- c
		<-c.done
		if !c.passed {
			_ = store.Take(origin, []core.Hit{{Limit: limits[0], Identity: "192.0.2.1", Cost: 1}})
		}
		_, told, _ := strings.Cut(c.w.Header().Get("RateLimit"), ";r=")
		return told
	}
	take()
	if told := take(); told != "3;t=5400" {
		t.Errorf("told %q of the second of five", told)
	}
	for _, remove := range []func() error{
		func() error { return store.Reset(limits[0], "192.0.2.1") },
		func() error { store.Sweep(origin.Add(time.Hour * 3)); return nil },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		// Another key may be given the room of the one that went.
		_ = store.Take(origin, []core.Hit{{Limit: limits[0], Identity: "192.0.2.2", Cost: 1}})
		for n, want := range []string{"", "3;t=5400", "2;t=4800"} {
			if told := take(); told != want {
				t.Errorf("request %d after the key was removed: told %q, want %q", n+1, told, want)
			}
		}
		if err := store.Reset(limits[0], "192.0.2.2"); err != nil {
			t.Fatal(err)
		}
	}
}
