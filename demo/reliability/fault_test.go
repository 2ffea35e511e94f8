package reliability

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
)

const (
	// lasting is how long a fault does: no multiple of the time between probes.
	lasting = 1640 * time.Millisecond

	// each is how many requests a second each stream sends, perSecond and burst
	// are what a limit allows: more than one stream sends, less than two.
	each, perSecond, burst = 60, 40, 10
)

const bucket = "algorithm: token-bucket, rate: 40/s, burst: 10"

// The user that the proxies are, with the rights that docs/redis.md lists.
const (
	user, password = "limits", "not-secret"
	rights         = "~weir:* resetchannels -@all +eval +evalsha +time +get +set +pexpire +pttl +del +llen +lindex +lrange +ltrim +rpush +rpop +ping +hello +auth +select +client"
)

// fault is what goes wrong with a store, and how it is mended.
type fault struct {
	name  string
	begin func(*redistest.Server, *redistest.Wire)
	end   func(*redistest.Server, *redistest.Wire)
	// wired says that it happens on the way to the server.
	wired bool
	// harmless faults leave all decisions to the store.
	harmless bool
	// brief faults may be over before anybody has noticed.
	brief bool
	// empties says that the server forgets its counters.
	empties bool
}

func onWire(name string, f redistest.Fault) fault {
	return fault{
		name: name, wired: true,
		begin: func(_ *redistest.Server, w *redistest.Wire) { w.Set(f) },
		end:   func(_ *redistest.Server, w *redistest.Wire) { w.Set(redistest.Fault{}) },
	}
}

func commands(name string, begin, end [][]string) fault {
	all := func(commands [][]string) func(*redistest.Server, *redistest.Wire) {
		return func(s *redistest.Server, _ *redistest.Wire) {
			for _, c := range commands {
				s.MustDo(c...)
			}
		}
	}
	return fault{name: name, begin: all(begin), end: all(end)}
}

func faults() []fault {
	slow := onWire("slow, within the timeout: 30 ms", redistest.Fault{Delay: 30 * time.Millisecond})
	slow.harmless = true
	flushed := commands("`SCRIPT FLUSH`, ten times", nil, nil)
	flushed.harmless = true
	flushed.begin = func(s *redistest.Server, _ *redistest.Wire) {
		for range 10 {
			s.MustDo("SCRIPT", "FLUSH")
			time.Sleep(50 * time.Millisecond)
		}
	}
	return []fault{
		{
			name: "killed", empties: true,
			begin: func(s *redistest.Server, _ *redistest.Wire) { s.Stop() },
			end:   func(s *redistest.Server, _ *redistest.Wire) { s.Restart() },
		}, {
			name: "restarted empty at once", empties: true, brief: true,
			begin: func(*redistest.Server, *redistest.Wire) {},
			end:   func(s *redistest.Server, _ *redistest.Wire) { s.Restart() },
		}, {
			name:  "hung (`SIGSTOP`)",
			begin: func(s *redistest.Server, _ *redistest.Wire) { s.Pause() },
			end:   func(s *redistest.Server, _ *redistest.Wire) { s.Resume() },
		},
		slow,
		onWire("slow: 300 ms", redistest.Fault{Delay: 300 * time.Millisecond}),
		onWire("trickling: 20 ms a byte", redistest.Fault{Trickle: 20 * time.Millisecond}),
		onWire("cut off, each connection reset", redistest.Fault{Reset: true}),
		onWire("blackholed", redistest.Fault{Hold: true}),
		flushed,
		commands("full (`maxmemory`, noeviction)", [][]string{{"CONFIG", "SET", "maxmemory", "1"}}, [][]string{{"CONFIG", "SET", "maxmemory", "0"}}),
		commands("refusing the user", [][]string{{"ACL", "SETUSER", user, "off"}, {"CLIENT", "KILL", "USER", user}}, [][]string{{"ACL", "SETUSER", user, "on"}}),
	}
}

func TestFaults(t *testing.T) {
	server := startServer(t)
	wire := redistest.StartWire(t, server.Addr())
	lab := start(t, single("direct", server.Addr()), single("wire", wire.Addr()))
	awaitConnections(t, server, 2*len(lab.places))
	table := newTable("fault", "failed", "median, longest answer", "too many with `deny`", "with `local`", "back after", "lines")
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			for try := 1; !f.run(t, lab, server, wire, table) && try < tries; try++ {
			}
		})
	}
	table.print(t)
}

// awaitConnections waits until both proxies have connected to each place, as they
// do in the background: one that comes too late would tell of the first fault.
func awaitConnections(t *testing.T, server *redistest.Server, n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if strings.Count(server.MustDo("CLIENT", "LIST"), "user="+user+" ") >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the proxies have not connected %d times", n)
		}
	}
}

func startServer(t *testing.T) *redistest.Server {
	t.Helper()
	return redistest.Start(t, append([]string{"--user", user, "on", ">" + password}, strings.Fields(rights)...)...)
}

func single(name, address string) place {
	return place{
		name:    name,
		traefik: fmt.Sprintf("{address: %q, username: %s, password: %s}", address, user, password),
		caddy:   fmt.Sprintf("%s {\nusername %s\npassword %s\n}", address, user, password),
		limit:   bucket,
	}
}

// run reports whether the machine was quick enough to judge by it.
func (f fault) run(t *testing.T, lab *lab, server *redistest.Server, wire *redistest.Wire, table *table) bool {
	t.Helper()
	place := lab.places[0]
	if f.wired {
		place = lab.places[1]
	}
	before := lab.told()
	load := startLoad(t, lab.streams(place), each, f.name)
	load.until(700 * time.Millisecond)
	began := load.now()
	f.begin(server, wire)
	load.until(began + lasting)
	f.end(server, wire)
	returned := load.now()
	load.until(returned + back + 300*time.Millisecond)
	load.end()
	end := load.now()

	failed := checkFailed(t, load)
	times := measureTimes(lab, load, before, began, returned)
	if !times.judged(t) {
		return false
	}
	least, most := 1, 1
	switch {
	case f.harmless:
		least, most = 0, 0
	case f.brief:
		least = 0
	}
	times.check(t, least, most)
	strict, again := excess(load, denyRoute, end), 0.0
	if f.empties {
		again = burst
	}
	if strict > again+slack {
		t.Errorf("%.0f came through with on_error deny beyond the limit, want at most %.0f", strict, again)
	}
	// Two proxies count on their own, each from a full bucket on, while the one
	// in the store fills up.
	lenient, alone := excess(load, localRoute, end), (returned + times.recovery - began).Seconds()
	if most := 3*burst + alone*perSecond; lenient > most+slack {
		t.Errorf("%.0f came through with on_error local beyond the limit, want at most %.0f", lenient, most)
	}
	table.row(f.name, failed, millis(times.median)+", "+millis(times.longest),
		math.Max(0, math.Round(strict)), math.Max(0, math.Round(lenient)), millis(times.recovery), times.said)
	return true
}

// slack is for requests that the store decided before and after the moments at
// which the load saw them begin and end.
const slack = 4

// excess is how many more came through than a bucket allows in the load's time.
func excess(l *load, route string, end time.Duration) float64 {
	return float64(len(l.those(0, end, on(route, 200)))) - burst - perSecond*end.Seconds()
}
