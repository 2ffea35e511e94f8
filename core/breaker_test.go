package core_test

import (
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

// warming has the breaker ask, and returns what each ask waits for an answer on.
func warming(t *testing.T, w *watched) <-chan chan error {
	asks, over := make(chan chan error), make(chan struct{})
	t.Cleanup(func() { close(over) })
	w.Warm(func() error {
		answer := make(chan error, 1)
		select {
		case asks <- answer:
			return <-answer
		case <-over:
			return errStore
		}
	})
	return asks
}

// A store that is slow to be connected to is no lost one.
func TestBreakerWarms(t *testing.T) {
	w := watch(t)
	asks := warming(t, w)
	for _, err := range []error{errStore, errStore, nil} {
		answer := <-asks
		answer <- err
	}
	w.Close()
	if len(w.events) != 0 || w.Open() {
		t.Errorf("events %d, open %t after it answered", len(w.events), w.Open())
	}
	w.Warm(func() error {
		t.Error("a closed breaker asks")
		return nil
	})
}

// A store that is not there is told of without a decision, and when it comes.
func TestBreakerWarmsInVain(t *testing.T) {
	w := watch(t)
	asks := warming(t, w)
	lost := false
	for !lost {
		select {
		case answer := <-asks:
			answer <- errStore
		case answer := <-w.probes:
			lost = true
			answer <- nil
		case <-time.After(10 * time.Second):
			t.Fatal("it asks no more, and does not probe")
		}
	}
	w.expect(t, core.StoreLost, errStore)
	w.expect(t, core.StoreBack, nil)
}

// A decision that fails while the store is warmed is told of as any other, and
// the probes that follow draw the conclusion.
func TestBreakerFailsWhileItWarms(t *testing.T) {
	w := watch(t)
	answer := <-warming(t, w)
	w.Failed(errStore)
	w.expect(t, core.StoreFailed, errStore)
	probe := <-w.probes
	probe <- errStore
	w.expect(t, core.StoreLost, errStore)
	answer <- errStore
	probe = <-w.probes
	probe <- nil
	w.expect(t, core.StoreBack, nil)
	if len(w.events) != 0 {
		t.Errorf("event %v came too", <-w.events)
	}
}
