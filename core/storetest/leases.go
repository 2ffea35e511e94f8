package storetest

import (
	"fmt"
	"math/big"
	"math/rand"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

// RunLeases holds limits with a lease to their bound, in so many random
// histories of each algorithm: over any interval, all processes together admit
// no more than the limit does over that and the lease's time.
func RunLeases(t *testing.T, open Open, histories int) {
	for _, a := range []core.Algorithm{core.FixedWindow, core.SlidingWindow, core.SlidingLog, core.TokenBucket} {
		t.Run(a.String(), func(t *testing.T) {
			clock := NewClock()
			store := open(t, clock).Store
			local := 0
			for seed := 0; seed < histories && !t.Failed(); seed++ {
				h := newLeased(t, a, clock, store, seed)
				h.play()
				h.check()
				local += h.local
			}
			if local == 0 {
				t.Error("no decision was made by a lease")
			}
		})
	}
}

// leased is a history of a few processes that lease from one store. It is a
// store itself, in front of the real one: while one process asks, time passes
// and the others go on.
type leased struct {
	*testing.T
	core.Store
	clock     *Clock
	random    *rand.Rand
	seed      int
	limits    []*core.Limit
	processes []*core.Limiter
	identity  string
	pauses    []time.Duration

	underWay int
	charges  map[*core.Limit][]event
	admitted map[*core.Limit][]event
	charged  map[*core.Hit]time.Time
	local    int
}

// event is some units at a time.
type event struct {
	at    time.Time
	units int64
}

func newLeased(t *testing.T, a core.Algorithm, clock *Clock, store core.Store, seed int) *leased {
	h := &leased{
		T: t, Store: store, clock: clock, random: rand.New(rand.NewSource(int64(seed))), seed: seed,
		identity: core.HashIdentity(t.Name() + strconv.Itoa(seed)),
		charges:  map[*core.Limit][]event{}, admitted: map[*core.Limit][]event{}, charged: map[*core.Hit]time.Time{},
	}
	for i := 0; i < 2; i++ {
		h.limits = append(h.limits, h.limit(a, i))
	}
	for i := 0; i < 2+h.random.Intn(2); i++ {
		breaker := core.NewBreaker(h.Probe, func(core.Event, error) {})
		t.Cleanup(breaker.Close)
		h.processes = append(h.processes, &core.Limiter{
			Store: h, Breaker: breaker, Denials: core.NewDenials(), Leases: core.NewLeases(), OnError: core.Deny,
		})
	}
	return h
}

// limit makes a limit; the second may be a dry run.
func (h *leased) limit(a core.Algorithm, number int) *core.Limit {
	// Longer than a history takes, by the real clock.
	count, window := 1+h.random.Int63n(60), time.Duration(2000+h.random.Intn(4000))*time.Millisecond
	spec := core.Spec{
		Name: "leased" + strconv.Itoa(number), Rate: fmt.Sprintf("%d/%dms", count, window.Milliseconds()), Algorithm: a.String(),
		DryRun: number > 0 && h.random.Intn(2) == 0,
	}
	capacity := count
	if a == core.TokenBucket {
		capacity = 1 + h.random.Int63n(60)
		spec.Burst = &capacity
	}
	spec.Lease = core.Lease{Units: 1 + h.random.Int63n(capacity), Time: time.Millisecond + time.Duration(h.random.Int63n(window.Microseconds()))*time.Microsecond}
	if spec.Lease.Time > window {
		spec.Lease.Time = window
	}
	limits, err := spec.Limits("storetest")
	if err != nil {
		h.Fatal(err)
	}
	h.pauses = append(h.pauses, 0, 0, 0, time.Microsecond, window, window-time.Microsecond, spec.Lease.Time,
		spec.Lease.Time-time.Microsecond, window/time.Duration(count)/3, spec.Lease.Time/time.Duration(spec.Lease.Units)/2)
	return limits[0]
}

func (h *leased) play() {
	for i := 0; i < 100; i++ {
		h.clock.Advance(h.pauses[h.random.Intn(len(h.pauses))])
		for n := h.random.Intn(8); n >= 0; n-- {
			h.request()
		}
	}
}

// request is one, by any process and for one limit or both.
func (h *leased) request() {
	limits := h.limits[:1]
	if h.random.Intn(3) == 0 {
		limits = h.limits
	}
	hits := make([]core.Hit, len(limits))
	for i, limit := range limits {
		hits[i] = core.Hit{Limit: limit, Identity: h.identity, Cost: 1}
		if h.random.Intn(10) == 0 {
			hits[i].Cost = h.random.Int63n(4)
		}
	}
	costs := make([]int64, len(hits))
	for i := range hits {
		costs[i] = hits[i].Cost
	}
	now := h.clock.Now()
	decision := h.processes[h.random.Intn(len(h.processes))].Decide(now, hits)
	for i := range hits {
		hit := &hits[i]
		r := &hit.Result
		if hit.Cost != costs[i] {
			h.Fatalf("seed %d: a cost of %d is %d now", h.seed, costs[i], hit.Cost)
		}
		if r.Remaining < 0 || r.Remaining > hit.Limit.Capacity() || r.Refill < 0 || r.Full < 0 {
			h.Fatalf("seed %d: %+v", h.seed, *r)
		}
		if decision.Allowed && r.Allowed && hit.Cost > 0 && !r.Charged || decision.Allowed && !r.Allowed && !hit.Limit.DryRun || !decision.Allowed && r.Charged {
			h.Fatalf("seed %d: %+v, %+v", h.seed, decision, *r)
		}
		if !r.Charged || hit.Cost == 0 {
			continue
		}
		at, asked := h.charged[hit]
		if !asked {
			at = now
			h.local++
		}
		h.admitted[hit.Limit] = append(h.admitted[hit.Limit], event{at, hit.Cost})
	}
}

// Take implements core.Store.
func (h *leased) Take(_ time.Time, hits []core.Hit) error {
	h.meanwhile()
	now := h.clock.Now()
	if err := h.Store.Take(now, hits); err != nil {
		return err
	}
	for i := range hits {
		if hit := &hits[i]; hit.Result.Charged {
			if _, already := h.charged[hit]; already {
				h.Fatalf("seed %d: %s: charged twice", h.seed, hit.Limit)
			}
			h.charged[hit] = now
			h.charges[hit.Limit] = append(h.charges[hit.Limit], event{now, hit.Cost})
		}
	}
	h.meanwhile()
	return nil
}

// meanwhile is what happens while a store is asked.
func (h *leased) meanwhile() {
	if h.underWay > 1 || h.random.Intn(4) > 0 {
		return
	}
	h.underWay++
	for n := h.random.Intn(3); n > 0; n-- {
		h.clock.Advance(time.Duration(h.random.Intn(1000)) * time.Microsecond)
		h.request()
	}
	h.underWay--
}

// check looks at every interval that begins and ends with a request. What was
// admitted in it was charged in it or within the lease's time before, and is no
// more than the limit lets through in both.
func (h *leased) check() {
	for _, limit := range h.limits {
		h.checkCharges(limit)
		admitted, charges := h.admitted[limit], h.charges[limit]
		sort.SliceStable(admitted, func(i, j int) bool { return admitted[i].at.Before(admitted[j].at) })
		for i, first := range admitted {
			begin := first.at.Add(-limit.Lease.Time)
			units, charged, next := int64(0), int64(0), 0
			for _, last := range admitted[i:] {
				units += last.units
				for ; next < len(charges) && !charges[next].at.After(last.at); next++ {
					if charges[next].at.After(begin) {
						charged += charges[next].units
					}
				}
				length := last.at.Sub(begin)
				if most := atMost(limit, length); units > charged || units > most {
					h.Fatalf("seed %d: %s: %d admitted in %s; charged in that and %s before are %d, and the limit is %d",
						h.seed, limit, units, last.at.Sub(first.at), limit.Lease.Time, charged, most)
				}
			}
		}
	}
}

// atMost is what a limit admits at most in any interval of a length, one of its
// ends left out.
func atMost(l *core.Limit, length time.Duration) int64 {
	count, windows := l.Rate.Count, int64((length+l.Rate.Window-1)/l.Rate.Window)
	refill := int64(float64(count)*float64(length)/float64(l.Rate.Window) + 0.01)
	switch l.Algorithm {
	case core.FixedWindow:
		return count * (windows + 1)
	case core.SlidingLog:
		return count * windows
	case core.SlidingWindow:
		// A window's count, just before it ends, and as that fades.
		return count + refill
	}
	return l.Burst + refill
}

// checkCharges expects the store itself to have kept to the limit.
func (h *leased) checkCharges(limit *core.Limit) {
	model := NewModel(limit)
	for _, c := range h.charges[limit] {
		room, slack := model.Room(c.at.UnixMicro())
		if room.Add(room, slack).Cmp(big.NewRat(c.units, 1)) < 0 {
			h.Fatalf("seed %d: %s: %d charged, beyond it", h.seed, limit, c.units)
		}
		model.Charge(c.at.UnixMicro(), c.units)
	}
}
