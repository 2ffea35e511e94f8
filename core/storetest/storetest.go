// Package storetest is the suite that every core.Store passes: the same
// sequences, at the same times, with the same answers.
package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

// Harness is a store under test.
type Harness struct {
	// Store goes by the clock that it was opened with.
	Store core.Store

	// Life is how long the store keeps a key yet, false where it has none. Nil
	// for a store whose keys cannot be looked at from outside.
	Life func(key string) (time.Duration, bool)

	// Real says that keys die by a real clock while the suite moves another:
	// a sequence of decisions within a millisecond then finds no key the second
	// time, and is left out.
	Real bool
}

// Open makes a store for one test, by the clock given, and ends it with the
// test. Stores may share keys: the suite's names are all different.
type Open func(t *testing.T, clock *Clock) Harness

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, a := range core.Algorithms() {
		t.Run(a.String(), func(t *testing.T) {
			for _, test := range []struct {
				name string
				run  func(*script)
			}{
				{"Walk", walks[a]},
				{"RetryIsExact", retryIsExact},
				{"CostsAboveOne", costsAboveOne},
				{"CostsAboveCapacity", costsAboveCapacity},
				{"CostsNothing", costsNothing},
				{"NothingPasses", nothingPasses},
				{"AllOrNone", allOrNone},
				{"DryRun", dryRun},
				{"LimitChanges", limitChanges},
				{"ClockStepsBack", clockStepsBack},
				{"Peek", peek},
				{"Reset", reset},
				{"Block", block},
				{"Refund", refund},
				{"RefundTooLate", refundTooLate},
				{"Concurrent", concurrent},
				{"ConcurrentAllOrNone", concurrentAllOrNone},
				{"Bounds", bounds},
			} {
				t.Run(test.name, func(t *testing.T) { test.run(start(t, a, open)) })
			}
		})
	}
	t.Run("Algorithms", func(t *testing.T) { mixed(t, open) })
	t.Run("MaxWait", func(t *testing.T) { maxWait(start(t, core.TokenBucket, open)) })
	t.Run("Spacing", func(t *testing.T) { spacing(start(t, core.LeakyBucket, open)) })
	t.Run("Probe", func(t *testing.T) {
		if err := start(t, core.FixedWindow, open).Store.Probe(); err != nil {
			t.Fatal(err)
		}
	})
}

// Clock is a clock that a test moves.
type Clock struct{ micros atomic.Int64 }

// NewClock makes a clock an hour ahead, so that nothing a store does by the
// real time comes too early for it.
func NewClock() *Clock {
	c := &Clock{}
	c.micros.Store(time.Now().Add(time.Hour).UnixMicro())
	return c
}

// Now is the clock's time.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.micros.Load()) }

// Micros is the clock's time in microseconds.
func (c *Clock) Micros() int64 { return c.micros.Load() }

// Advance moves the clock, back where d is negative.
func (c *Clock) Advance(d time.Duration) { c.micros.Add(d.Microseconds()) }
