package core

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// breakAfter is how many decisions in a row a store must fail before it is
	// left alone. One lost connection is no outage, unless a probe fails too:
	// where a part of the store is lost, other decisions succeed in between.
	breakAfter = 3

	// probeEvery is the pause between two probes of a store that is left alone:
	// short enough that decisions are exact again well within two seconds of the
	// store's return.
	probeEvery = 250 * time.Millisecond

	// warmTries is how often Warm asks, one probeEvery after the other: two
	// seconds, in which a server far away is connected to, or one that starts
	// beside this process is up.
	warmTries = 8
)

// Breaker keeps decisions away from a store that does not answer, and finds out
// in the background when it does again. All limiters on one store share one.
//
//	closed ── a failure ──▶ suspected ── breakAfter in a row, or a probe fails ──▶ open
//	   ▲                        │ a probe                                           │
//	   └────────────────────────┴──────────── succeeds ─────────────────────────────┘
//
// From the first failure on it probes every probeEvery. A store that Warm cannot
// reach opens it too.
type Breaker struct {
	probe  func() error
	notify func(Event, error)

	open     atomic.Bool
	failures atomic.Int64

	mu        sync.Mutex
	suspected bool // whether watch runs
	ctx       context.Context
	cancel    context.CancelFunc
	done      sync.WaitGroup
}

// Event is what happened to a store.
type Event int

const (
	// StoreFailed: a decision failed, and was made without the store. Until a
	// probe has found out more, others that do are not told of.
	StoreFailed Event = iota
	// StoreLost: decisions are made without the store from now on.
	StoreLost
	// StoreBack: decisions are the store's again.
	StoreBack
)

// NewBreaker makes a closed breaker. probe asks the store whether it would
// decide, within a time of its own; notify is told what happens, one call at a
// time and never from a decision that holds a lock.
func NewBreaker(probe func() error, notify func(Event, error)) *Breaker {
	ctx, cancel := context.WithCancel(context.Background())
	return &Breaker{probe: probe, notify: notify, ctx: ctx, cancel: cancel}
}

// Open reports whether the store is to be left alone.
func (b *Breaker) Open() bool { return b.open.Load() }

// Succeeded is told of each decision that the store made.
func (b *Breaker) Succeeded() {
	if b.failures.Load() != 0 {
		b.failures.Store(0)
	}
}

// Failed is told of each decision that the store did not make, and why.
func (b *Breaker) Failed(err error) {
	failures := b.failures.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open.Load() || b.ctx.Err() != nil {
		return
	}
	if failures >= breakAfter {
		b.lose(err)
	} else if !b.suspected {
		b.notify(StoreFailed, err)
	}
	b.suspect()
}

// suspect has the store probed. mu is held.
func (b *Breaker) suspect() {
	if !b.suspected {
		b.suspected = true
		b.done.Add(1)
		go b.watch()
	}
}

// Warm asks a store in the background that is about to be used: then the first
// decision finds connections and scripts in place, and a store that is not there
// is told of before a request needs it. ask returns within a decision's time and
// is tried again, since connecting may take longer.
func (b *Breaker) Warm(ask func() error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return
	}
	b.done.Add(1)
	go b.warm(ask)
}

func (b *Breaker) warm(ask func() error) {
	defer b.done.Done()
	err := ask()
	for n := 1; err != nil && n < warmTries && Wait(b.ctx, probeEvery); n++ {
		err = ask()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	// Where a decision has failed meanwhile, the probes find out.
	if err == nil || b.suspected || b.ctx.Err() != nil {
		return
	}
	b.lose(err)
	b.suspect()
}

// lose opens the breaker. mu is held.
func (b *Breaker) lose(err error) {
	b.open.Store(true)
	b.notify(StoreLost, err)
}

func (b *Breaker) watch() {
	defer b.done.Done()
	for Wait(b.ctx, probeEvery) {
		if b.learn(b.probe()) {
			return
		}
	}
}

// learn draws the conclusion from a probe, and reports whether it ends the
// suspicion.
func (b *Breaker) learn(err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	lost := b.open.Load()
	if err != nil {
		if !lost && b.ctx.Err() == nil {
			b.lose(err)
		}
		return false
	}
	b.suspected = false
	b.failures.Store(0)
	b.open.Store(false)
	if lost {
		b.notify(StoreBack, nil)
	}
	return true
}

// Close ends the probes and waits for the one under way.
func (b *Breaker) Close() {
	b.mu.Lock()
	b.cancel()
	b.mu.Unlock()
	b.done.Wait()
}
