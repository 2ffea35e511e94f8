package core_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/storetest"
)

func TestLeasesKeepTheirBound(t *testing.T) {
	storetest.RunLeases(t, func(t *testing.T, _ *storetest.Clock) storetest.Harness {
		store := memory.New(memory.DefaultMaxKeys)
		t.Cleanup(func() { store.Close() })
		return storetest.Harness{Store: store}
	}, 20)
}

// shop is a store that some processes lease from, and a clock.
type shop struct {
	*testing.T
	core.Store
	now       time.Time
	processes []*core.Limiter

	asked atomic.Int64
	took  int64 // what the store was last asked for, by its first hit
	lost  error
	while func() // while the store is asked
}

func newShop(t *testing.T, processes int) *shop {
	store := memory.New(memory.DefaultMaxKeys)
	t.Cleanup(func() { store.Close() })
	s := &shop{T: t, Store: store, now: time.Now()}
	for i := 0; i < processes; i++ {
		breaker := core.NewBreaker(func() error { return s.lost }, func(core.Event, error) {})
		t.Cleanup(breaker.Close)
		s.processes = append(s.processes, &core.Limiter{
			Store: s, Breaker: breaker, Denials: core.NewDenials(), Leases: core.NewLeases(), OnError: core.Deny,
		})
	}
	return s
}

func (s *shop) Take(now time.Time, hits []core.Hit) error {
	s.asked.Add(1)
	if s.while != nil {
		while := s.while
		s.while = nil
		while()
	}
	s.took = hits[0].Cost
	if s.lost != nil {
		return s.lost
	}
	return s.Store.Take(now, hits)
}

func (s *shop) limit(rate string, changes ...func(*core.Spec)) *core.Limit {
	s.Helper()
	spec := core.Spec{Name: "leased", Rate: rate, Algorithm: "fixed-window", Lease: core.Lease{Units: 8, Time: time.Second}}
	for _, change := range changes {
		change(&spec)
	}
	return limits(s.T, spec)[0]
}

// by has a process decide a request that costs 1.
func (s *shop) by(process int, limits ...*core.Limit) (core.Decision, []core.Hit) {
	var hits []core.Hit
	for _, l := range limits {
		hits = append(hits, core.Hit{Limit: l, Identity: "a", Cost: 1})
	}
	return s.processes[process].Decide(s.now, hits), hits
}

// stored is what the store has left.
func (s *shop) stored(l *core.Limit) int64 {
	hits := []core.Hit{{Limit: l, Identity: "a"}}
	if err := s.Peek(s.now, hits); err != nil {
		s.Fatal(err)
	}
	return hits[0].Result.Remaining
}

// A key that is asked for again and again is fetched for twice as far ahead each
// time, up to the lease's units.
func TestALeaseGrows(t *testing.T) {
	s := newShop(t, 1)
	l := s.limit("1000/1m")
	var asked []int
	for i := 1; i <= 40; i++ {
		before := s.asked.Load()
		d, hits := s.by(0, l)
		if r := hits[0].Result; !d.Allowed || !r.Charged || r.Remaining != int64(1000-i) || d.Hit != 0 {
			t.Fatalf("request %d: %+v, %+v", i, d, r)
		}
		if s.asked.Load() > before {
			asked = append(asked, i)
		}
	}
	// Each asks for itself and for 0, 1, 2, 4, 8, 8 and 8 more.
	if got := fmt.Sprint(asked); got != "[1 2 4 7 12 21 30 39]" {
		t.Errorf("the store was asked for requests %s", got)
	}
}

// Who comes less often than a lease lasts costs the store what was asked for,
// and no more.
func TestAQuietKeyDoesNotHoard(t *testing.T) {
	s := newShop(t, 1)
	l := s.limit("1000/1h")
	for i := int64(1); i <= 100; i++ {
		s.by(0, l)
		if left := s.stored(l); left != 1000-i {
			t.Fatalf("%d left after %d requests", left, i)
		}
		s.now = s.now.Add(time.Second)
	}
}

// A lease that ran out of time is followed by one of what was used.
func TestALeaseShrinks(t *testing.T) {
	s := newShop(t, 1)
	l := s.limit("1000/1h")
	for s.took < 9 {
		s.by(0, l)
	}
	for _, used := range []int{5, 2, 0} {
		for i := 0; i < used; i++ {
			s.by(0, l)
		}
		s.now = s.now.Add(time.Second)
		s.by(0, l)
		if s.took != int64(1+used) {
			t.Errorf("%d used, and then %d taken", used, s.took)
		}
	}
}

// A lease leaves half of what remains to others.
func TestALeaseLeavesSomeToOthers(t *testing.T) {
	s := newShop(t, 3)
	l := s.limit("20/1h", func(spec *core.Spec) { spec.Lease.Units = 20 })
	admitted := make([]int, len(s.processes))
	for n := 0; n < 60; n++ {
		if d, _ := s.by(n%3, l); d.Allowed {
			admitted[n%3]++
		}
		if s.took > 6 {
			t.Fatalf("%d of 20 taken at once", s.took)
		}
	}
	sum := 0
	for i, n := range admitted {
		if sum += n; n < 4 {
			t.Errorf("process %d admitted %d of 20", i, n)
		}
	}
	if sum != 20 {
		t.Errorf("%d admitted of 20", sum)
	}
}

// What a lease was raised by is not in the way of a request that fits.
func TestAFetchThatIsTooMuch(t *testing.T) {
	s := newShop(t, 2)
	l := s.limit("20/1h")
	s.by(0, l)
	s.by(0, l)
	s.by(0, l) // uses up what the second has fetched
	if err := s.Store.Take(s.now, []core.Hit{{Limit: l, Identity: "a", Cost: 16}}); err != nil {
		t.Fatal(err)
	}
	before := s.asked.Load()
	d, hits := s.by(0, l)
	if !d.Allowed || hits[0].Result.Remaining != 0 || s.asked.Load() != before+2 {
		t.Errorf("%+v, %+v", d, hits[0].Result)
	}
	d, hits = s.by(0, l)
	if d.Allowed || hits[0].Cost != 1 || s.asked.Load() != before+3 {
		t.Errorf("%+v, %+v, asked %d times", d, hits[0], s.asked.Load()-before)
	}
	if d, _ = s.by(0, l); d.Allowed || s.asked.Load() != before+3 {
		t.Errorf("the same again: %+v, asked %d times", d, s.asked.Load()-before)
	}
}

// While a process fetches for a key, its other requests take what they cost.
func TestOneFetchAtATime(t *testing.T) {
	s := newShop(t, 1)
	l := s.limit("1000/1h")
	s.by(0, l)
	s.while = func() {
		s.by(0, l)
		if s.took != 1 {
			t.Errorf("%d taken while another fetched", s.took)
		}
	}
	s.by(0, l)
	if s.took != 2 {
		t.Errorf("%d taken", s.took)
	}
}

// A request whose limits are not all leased asks the store each time: there is
// no use in fetching for it.
func TestAnExactLimitBesideALease(t *testing.T) {
	s := newShop(t, 1)
	leased, exact := s.limit("1000/1h"), s.limit("1000/1h", func(spec *core.Spec) { spec.Name, spec.Lease = "exact", core.Lease{} })
	for i := int64(1); i <= 20; i++ {
		if s.by(0, leased, exact); s.took != 1 || s.asked.Load() != i {
			t.Fatalf("request %d: %d taken, asked %d times", i, s.took, s.asked.Load())
		}
	}
}

// Two leases are handed out from together or not at all.
func TestLeasesTogether(t *testing.T) {
	s := newShop(t, 1)
	wide, narrow := s.limit("1000/1h"), s.limit("12/1h", func(spec *core.Spec) { spec.Name = "narrow" })
	admitted := 0
	for i := 0; i < 50; i++ {
		d, hits := s.by(0, wide, narrow)
		if d.Allowed {
			admitted++
		} else if d.Hit != 1 || hits[0].Result.Charged {
			t.Fatalf("%+v, %+v", d, hits)
		}
	}
	if admitted != 12 {
		t.Errorf("%d admitted of 12", admitted)
	}
	if left := s.stored(wide); left < 1000-12-8 {
		t.Errorf("%d left of the wide limit", left)
	}
}

// A dry run that is denied what was to be fetched is asked for again alone: the
// others have been charged.
func TestADryRunThatIsLeased(t *testing.T) {
	s := newShop(t, 1)
	wide, dry := s.limit("1000/1h"), s.limit("20/1h", func(spec *core.Spec) { spec.Name, spec.DryRun = "dry", true })
	for s.took < 3 {
		s.by(0, wide, dry)
	}
	s.by(0, wide, dry)
	s.by(0, wide, dry) // all that was fetched is used
	others := []core.Hit{{Limit: dry, Identity: "a", Cost: s.stored(dry) - 1}}
	if err := s.Store.Take(s.now, others); err != nil {
		t.Fatal(err)
	}
	before, passed := s.stored(wide), 0
	for i := 0; i < 3; i++ {
		d, hits := s.by(0, wide, dry)
		if !d.Allowed || !hits[0].Result.Charged {
			t.Fatalf("%+v, %+v", d, hits)
		}
		if hits[1].Result.Allowed {
			passed++
		}
	}
	if passed != 1 {
		t.Errorf("the dry run would have admitted %d, want the last one", passed)
	}
	if taken := before - s.stored(wide); taken > 3+8 {
		t.Errorf("%d taken for 3 requests", taken)
	}
}

// A cost above what is left of a lease is the store's to decide, and what is
// left stays for others.
func TestACostAboveTheLease(t *testing.T) {
	s := newShop(t, 1)
	l := s.limit("1000/1h")
	for s.took < 5 {
		s.by(0, l)
	}
	for _, step := range []struct{ cost, asked, took int64 }{{6, 1, 6}, {3, 0, 0}, {0, 0, 0}, {2, 1, 2}, {1, 0, 0}, {0, 1, 0}, {3, 1, 3 + 6}, {3, 0, 0}} {
		before := s.asked.Load()
		hits := []core.Hit{{Limit: l, Identity: "a", Cost: step.cost}}
		d := s.processes[0].Decide(s.now, hits)
		if !d.Allowed || s.asked.Load()-before != step.asked || step.asked > 0 && s.took != step.took {
			t.Errorf("%+v: asked %d times, took %d: %+v", step, s.asked.Load()-before, s.took, d)
		}
	}
}

// A decision by a lease ages what the store said, and can be given back.
func TestADecisionByALease(t *testing.T) {
	s := newShop(t, 1)
	for _, algorithm := range []string{"fixed-window", "sliding-window", "sliding-log", "token-bucket"} {
		l := s.limit("20/1m", func(spec *core.Spec) { spec.Name, spec.Algorithm = algorithm, algorithm })
		_, first := s.by(0, l)
		s.by(0, l)
		s.now = s.now.Add(300 * time.Millisecond)
		before := s.asked.Load()
		_, hits := s.by(0, l)
		r := hits[0].Result
		if s.asked.Load() != before || r.Remaining != 17 || !r.Allowed || !r.Charged || r.RetryAfter != 0 {
			t.Errorf("%s: %+v", algorithm, r)
		}
		if r.Refill <= 0 || r.Refill > time.Minute+first[0].Result.Full || r.Full < r.Refill {
			t.Errorf("%s: refill %s, full %s", algorithm, r.Refill, r.Full)
		}
		stored := s.stored(l)
		if err := s.Refund(s.now, hits); err != nil {
			t.Fatal(err)
		}
		if got := s.stored(l); got != stored+1 {
			t.Errorf("%s: %d stored, %d after a refund", algorithm, stored, got)
		}
	}
}

// A reset or a block by this process holds at once, even while it fetches; one
// by another when the lease is over.
func TestLeasesAreForgotten(t *testing.T) {
	s := newShop(t, 2)
	l := s.limit("100/1h")
	lease := func() {
		t.Helper()
		before := s.asked.Load()
		for s.took < 5 {
			s.by(0, l)
		}
		if s.asked.Load() == before {
			t.Fatal("nothing leased")
		}
	}
	lease()
	if err := s.processes[0].Reset(l, "a"); err != nil {
		t.Fatal(err)
	}
	if _, hits := s.by(0, l); hits[0].Result.Remaining != 99 {
		t.Errorf("after a reset: %+v", hits[0].Result)
	}
	lease()
	if err := s.processes[1].Block(s.now, l, "a", time.Hour); err != nil {
		t.Fatal(err)
	}
	if d, _ := s.by(0, l); !d.Allowed {
		t.Error("a block by another process ended the lease")
	}
	s.now = s.now.Add(time.Second)
	if d, _ := s.by(0, l); d.Allowed {
		t.Error("a block by another process was not seen when the lease was over")
	}
	if err := s.processes[0].Reset(l, "a"); err != nil {
		t.Fatal(err)
	}
	s.took = 0
	s.by(0, l)
	s.while = func() {
		if err := s.Store.Take(s.now, []core.Hit{{Limit: l, Identity: "a", Cost: 3}}); err != nil {
			t.Error(err)
		}
		if err := s.processes[0].Block(s.now, l, "a", time.Hour); err != nil {
			t.Error(err)
		}
	}
	s.by(0, l)
	if d, _ := s.by(0, l); d.Allowed {
		t.Error("admitted after a block by the same process")
	}
}

// What is left of a lease is charged already: it is used while the store is
// lost, until its time is over.
func TestALeaseWhileTheStoreIsLost(t *testing.T) {
	s := newShop(t, 1)
	l := s.limit("1000/1h")
	for s.took < 5 {
		s.by(0, l)
	}
	s.lost = errors.New("gone")
	for i := 0; i < 3; i++ {
		s.processes[0].Breaker.Failed(s.lost)
	}
	if d, _ := s.by(0, l); !d.Allowed || d.Degraded {
		t.Errorf("of the lease: %+v", d)
	}
	s.now = s.now.Add(time.Second)
	if d, _ := s.by(0, l); !d.Unavailable {
		t.Errorf("past its time: %+v", d)
	}
}

// A fetch that fails leaves the way free for the next.
func TestAFetchThatFails(t *testing.T) {
	s := newShop(t, 1)
	l := s.limit("1000/1h")
	for s.took < 5 {
		s.by(0, l)
	}
	s.now = s.now.Add(time.Second)
	s.lost = errors.New("gone")
	if d, hits := s.by(0, l); !d.Unavailable || hits[0].Cost != 1 {
		t.Errorf("%+v, %+v", d, hits[0])
	}
	s.lost = nil
	s.by(0, l)
	s.by(0, l)
	if s.took != 2 {
		t.Errorf("%d taken", s.took)
	}
}

// The table has room for so many keys; those beyond are asked for each time.
func TestManyLeases(t *testing.T) {
	s := newShop(t, 1)
	l := s.limit("1000/1h")
	const keys = 50_000
	round := func() int64 {
		before := s.asked.Load()
		for i := 0; i < keys; i++ {
			s.processes[0].Decide(s.now, []core.Hit{{Limit: l, Identity: fmt.Sprint(i), Cost: 1}})
		}
		return keys - (s.asked.Load() - before)
	}
	round()
	if spared := round(); spared != 0 {
		t.Errorf("%d spared by the first request", spared)
	}
	if spared := round(); spared != 20_000 {
		t.Errorf("%d spared, want 20000", spared)
	}
	s.now = s.now.Add(-time.Hour)
	if spared := round(); spared != 0 {
		t.Errorf("%d spared after the clock has stepped back", spared)
	}
}

// Whoever asks at once, never one too many comes through.
func TestLeasesAtOnce(t *testing.T) {
	for _, algorithm := range []string{"fixed-window", "sliding-window", "sliding-log", "token-bucket"} {
		s := newShop(t, 2)
		l := s.limit("200/1h", func(spec *core.Spec) { spec.Algorithm = algorithm })
		var admitted atomic.Int64
		var all sync.WaitGroup
		store := memory.New(100)
		t.Cleanup(func() { store.Close() })
		for _, p := range s.processes {
			p.Store = store
		}
		now := time.Now()
		for i := 0; i < 16; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				for n := 0; n < 50; n++ {
					hits := []core.Hit{{Limit: l, Identity: "a", Cost: 1}}
					if s.processes[i%2].Decide(now, hits).Allowed {
						admitted.Add(1)
					}
				}
			}()
		}
		all.Wait()
		if n := admitted.Load(); n > 200 || n < 200-2*8 {
			t.Errorf("%s: %d admitted of 200", algorithm, n)
		}
	}
}
