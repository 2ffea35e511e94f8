package core

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// breakAfter is how many decisions in a row a store must fail before it is
	// left alone. One lost connection is no outage.
	breakAfter = 3

	// probeEvery is the pause between two probes of a store that is left alone:
	// short enough that decisions are exact again well within two seconds of the
	// store's return.
	probeEvery = 250 * time.Millisecond
)

// Breaker keeps decisions away from a store that does not answer, and finds out
// in the background when it does again. All limiters on one store share one.
//
//	closed ── breakAfter failures in a row ──▶ open
//	   ▲                                         │ every probeEvery
//	   └──────────── a probe succeeds ───────────┘
type Breaker struct {
	probe  func() error
	notify func(Event, error)

	open     atomic.Bool
	failures atomic.Int64

	mu      sync.Mutex
	probing bool
	ctx     context.Context
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// Event is what happened to a store.
type Event int

const (
	// StoreFailed: one decision failed, and was made without the store.
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
	if b.failures.Add(1) < breakAfter {
		b.mu.Lock()
		if !b.probing {
			b.notify(StoreFailed, err)
		}
		b.mu.Unlock()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.probing || b.ctx.Err() != nil {
		return
	}
	b.probing = true
	b.open.Store(true)
	b.notify(StoreLost, err)
	b.done.Add(1)
	go b.watch()
}

func (b *Breaker) watch() {
	defer b.done.Done()
	for Wait(b.ctx, probeEvery) {
		if b.probe() == nil {
			b.mu.Lock()
			b.probing = false
			b.failures.Store(0)
			b.open.Store(false)
			b.notify(StoreBack, nil)
			b.mu.Unlock()
			return
		}
	}
}

// Close ends the probes and waits for the one under way.
func (b *Breaker) Close() {
	b.mu.Lock()
	b.cancel()
	b.mu.Unlock()
	b.done.Wait()
}
