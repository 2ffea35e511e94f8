package memory

import (
	"math/rand"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/weirproxy/weir/core"
)

func limit(t testing.TB, rate string, a core.Algorithm) *core.Limit {
	t.Helper()
	limits, err := core.Spec{Name: "limit", Rate: rate, Algorithm: a.String()}.Limits("weir")
	if err != nil {
		t.Fatal(err)
	}
	return limits[0]
}

func open(t testing.TB, maxKeys int) *Store {
	s := New(maxKeys)
	t.Cleanup(func() { s.Close() })
	return s
}

func take(s *Store, now time.Time, l *core.Limit, identity string) core.Result {
	hits := [1]core.Hit{{Limit: l, Identity: identity, Cost: 1}}
	s.Take(now, hits[:])
	return hits[0].Result
}

// check holds the queues to what they are: the same entries as the maps, each
// where it says it is, none due after those behind it.
func check(t testing.TB, s *Store) {
	t.Helper()
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += len(sh.queue)
		chained := 0
		for j, e := range sh.table.entries {
			if e == nil {
				continue
			}
			chained++
			if sh.table.get(e.hash, e.limit, e.identity) != e || sh.table.tags[j] != tagOf(e.hash) || e == sh.spare {
				t.Errorf("shard %d: the entry at %d is out of place", i, j)
			}
		}
		if chained != len(sh.queue) {
			t.Errorf("shard %d: %d entries, %d in the queue", i, chained, len(sh.queue))
		}
		for j, p := range sh.queue {
			if int(p.e.index) != j || j > 0 && sh.queue[(j-1)/2].due > p.due {
				t.Errorf("shard %d: entry %d is out of place in the queue", i, j)
			}
		}
		sh.mu.Unlock()
	}
	if n != s.Len() {
		t.Errorf("%d keys, counted as %d", n, s.Len())
	}
}

// Memory is bounded by the keys' number, whatever comes.
func TestMaxKeys(t *testing.T) {
	const most = 10_000
	s, l, now := open(t, most), limit(t, "100/1h", core.SlidingWindow), time.Now()
	for i := 0; i < 1_000_000; i++ {
		if !take(s, now, l, strconv.Itoa(i)).Allowed {
			t.Fatal("a new key is denied")
		}
		if s.Len() > most {
			t.Fatalf("%d keys of at most %d", s.Len(), most)
		}
	}
	check(t, s)
}

// A key takes what the documentation says.
func TestSizeOfAKey(t *testing.T) {
	const keys = 200_000
	for _, test := range []struct {
		algorithm core.Algorithm
		least     float64
		most      float64
	}{
		{core.TokenBucket, 150, 250},
		{core.SlidingLog, 150 + 8, 250 + 16},
	} {
		s, l, now := open(t, keys), limit(t, "100/1h", test.algorithm), time.Now()
		before := heap()
		for i := 0; i < keys; i++ {
			take(s, now, l, "192.0.2."+strconv.Itoa(i))
		}
		size := float64(heap()-before) / keys
		t.Logf("%s: %.0f bytes a key", l.Algorithm, size)
		if size < test.least || size > test.most {
			t.Errorf("%s: %.0f bytes a key", l.Algorithm, size)
		}
		runtime.KeepAlive(s)
	}
	s, l, now := open(t, keys), limit(t, "10000/1h", core.SlidingLog), time.Now()
	before := heap()
	const units = 5 * 10_000
	for i := 0; i < units; i++ {
		take(s, now, l, strconv.Itoa(i%5))
	}
	size := float64(heap()-before) / units
	t.Logf("%.1f bytes a unit in a log", size)
	if size > 16 {
		t.Errorf("%.1f bytes a unit in a log", size)
	}
	runtime.KeepAlive(s)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Who is closest to being full again makes room.
func TestWhoMakesRoom(t *testing.T) {
	s, now := open(t, 2000), time.Now()
	long, short := limit(t, "100/1h", core.FixedWindow), limit(t, "100/1s", core.SlidingWindow)
	for i := 0; i < 1000; i++ {
		take(s, now, long, strconv.Itoa(i))
	}
	for i := 0; i < 50_000; i++ {
		take(s, now, short, "short"+strconv.Itoa(i))
	}
	kept := 0
	for i := 0; i < 1000; i++ {
		if take(s, now, long, strconv.Itoa(i)).Remaining == 98 {
			kept++
		}
	}
	if kept < 990 {
		t.Errorf("%d of 1000 long keys are left after 50000 short ones", kept)
	}
	check(t, s)
}

func TestSweep(t *testing.T) {
	s, now := open(t, 100_000), time.Now()
	for i := 0; i < 1000; i++ {
		take(s, now, limit(t, "10/1s", core.FixedWindow), "a"+strconv.Itoa(i))
		take(s, now, limit(t, "10/1m", core.SlidingLog), "b"+strconv.Itoa(i))
	}
	// A key that was charged since stays.
	take(s, now.Add(500*time.Millisecond), limit(t, "10/1m", core.SlidingLog), "b7")
	for _, step := range []struct {
		after time.Duration
		left  int
	}{{0, 2000}, {time.Second, 1000}, {time.Minute, 1}, {61 * time.Second, 0}} {
		s.Sweep(now.Add(step.after))
		if s.Len() != step.left {
			t.Errorf("after %v %d are left, want %d", step.after, s.Len(), step.left)
		}
	}
	// New keys forget old ones even between two sweeps.
	for i := 0; i < 50_000; i++ {
		take(s, now.Add(time.Duration(i)*time.Millisecond), limit(t, "10/1s", core.TokenBucket), strconv.Itoa(i))
	}
	if s.Len() > 1000 {
		t.Errorf("%d keys are held where 100 are not full", s.Len())
	}
	check(t, s)
}

// The bound and the queues hold with everything going on at once.
func TestEverythingAtOnce(t *testing.T) {
	const most = 50
	s, now := open(t, most), time.Now()
	var limits []*core.Limit
	for i, a := range core.Algorithms() {
		made, err := core.Spec{Name: "l" + strconv.Itoa(i), Rate: "5/1s", Algorithm: a.String()}.Limits("weir")
		if err != nil {
			t.Fatal(err)
		}
		limits = append(limits, made[0])
	}
	var wg sync.WaitGroup
	for g := 0; g < 4; g++ {
		wg.Add(1)
		go func(random *rand.Rand) {
			defer wg.Done()
			for i := 0; i < 20_000; i++ {
				at := now.Add(time.Duration(i) * time.Millisecond)
				l, identity := limits[random.Intn(len(limits))], strconv.Itoa(random.Intn(200))
				switch random.Intn(12) {
				case 0:
					s.Reset(l, identity)
				case 1:
					s.Block(at, l, identity, time.Duration(random.Intn(2000))*time.Millisecond)
				case 2:
					s.Sweep(at)
				case 3:
					hits := []core.Hit{{Limit: l, Identity: identity, Cost: 1}}
					s.Take(at, hits)
					s.Refund(at, hits)
				default:
					var hits []core.Hit
					for _, j := range random.Perm(len(limits))[:1+random.Intn(3)] {
						hits = append(hits, core.Hit{Limit: limits[j], Identity: strconv.Itoa(random.Intn(200)), Cost: random.Int63n(3)})
					}
					s.Take(at, hits)
				}
			}
		}(rand.New(rand.NewSource(int64(g))))
	}
	wg.Wait()
	take(s, now.Add(time.Hour), limits[0], "one more")
	if s.Len() > most {
		t.Errorf("%d keys of at most %d", s.Len(), most)
	}
	check(t, s)
}

func TestNoAllocations(t *testing.T) {
	for _, a := range core.Algorithms() {
		s, l, now := open(t, 1000), limit(t, "1000/1s", a), time.Now()
		hits := []core.Hit{{Limit: l, Identity: "192.0.2.1", Cost: 1}}
		if n := testing.AllocsPerRun(1000, func() {
			now = now.Add(2 * time.Millisecond)
			s.Take(now, hits)
		}); n != 0 {
			t.Errorf("%s: %v allocations a decision", a, n)
		}
		if !hits[0].Result.Charged {
			t.Errorf("%s: nothing was charged", a)
		}
	}
}

func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	s := New(10)
	s.sweepOnTime()
	s.Close()
	s.sweepOnTime()
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, a := range core.Algorithms() {
		b.Run(a.String(), func(b *testing.B) {
			s, l := open(b, DefaultMaxKeys), limit(b, "1000/1s", a)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				hits := []core.Hit{{Limit: l, Identity: strconv.Itoa(rand.Int()), Cost: 1}}
				for pb.Next() {
					s.Take(time.Now(), hits)
				}
			})
		})
	}
}

// An entry's first cache line holds what most decisions need, and shards do not
// share one.
func TestCacheLines(t *testing.T) {
	const line = 64
	var e entry
	if n := unsafe.Sizeof(e); n != 2*line {
		t.Errorf("an entry has %d bytes", n)
	}
	if n := unsafe.Offsetof(e.State) + unsafe.Offsetof(e.State.Leaves); n > line {
		t.Errorf("what most decisions need has %d bytes", n)
	}
	if n := unsafe.Sizeof(shard{}); n%line != 0 {
		t.Errorf("a shard has %d bytes", n)
	}
}
