package resp

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

// pooled is a pool whose dials end as a test tells.
func pooled(t *testing.T, size int, dial func(n int64) error) (*pool, *atomic.Int64) {
	c := newClient(t, redis.Options{Addresses: []string{"127.0.0.1:1"}, PoolSize: size})
	var dials atomic.Int64
	c.pool.dial = func(context.Context) (*conn, error) {
		if err := dial(dials.Add(1)); err != nil {
			return nil, err
		}
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		return &conn{net: near, raw: near, address: "pipe", age: fresh}, nil
	}
	return c.pool, &dials
}

func TestFailedDialIsRemembered(t *testing.T) {
	down := true
	p, dials := pooled(t, 8, func(int64) error {
		if down {
			return fmt.Errorf("down")
		}
		return nil
	})
	for i := 0; i < 1000; i++ {
		if _, err := take(p, time.Now().Add(long)); err == nil || err.Error() != "down" {
			t.Fatal(err)
		}
	}
	// 100 ms, 200 ms, 400 ms: a few in the time that a loop takes.
	if n := dials.Load(); n > 10 {
		t.Errorf("%d dials for 1000 calls", n)
	}
	down = false
	eventually(t, func() error {
		c, err := take(p, time.Now().Add(long))
		if err == nil {
			give(p, c)
		}
		return err
	})
}

func TestDialsAreNoMoreThanThePoolHolds(t *testing.T) {
	release := make(chan bool)
	p, dials := pooled(t, 3, func(int64) error { <-release; return nil })
	const callers = 50
	var wg sync.WaitGroup
	for i := 0; i < callers; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c, err := take(p, time.Now().Add(long))
			if err != nil {
				t.Error(err)
				return
			}
			give(p, c)
		}()
	}
	eventually(t, func() error { return queued(p, callers) })
	close(release)
	wg.Wait()
	if n := dials.Load(); n > 3 {
		t.Errorf("%d dials for a pool of 3", n)
	}
}

func queued(p *pool, n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) != n {
		return fmt.Errorf("%d calls wait", len(p.queue))
	}
	return nil
}

func TestWaitEndsAtEachCallsOwnDeadline(t *testing.T) {
	p, _ := pooled(t, 1, func(int64) error { return nil })
	held, err := take(p, time.Now().Add(long))
	if err != nil {
		t.Fatal(err)
	}
	patient := make(chan error)
	go func() {
		c, err := take(p, time.Now().Add(long))
		if err == nil {
			give(p, c)
		}
		patient <- err
	}()
	eventually(t, func() error { return queued(p, 1) })
	for i := 0; i < 3; i++ {
		// Later in the queue, earlier in time.
		start := time.Now()
		if _, err := take(p, start.Add(20*time.Millisecond)); !late(err) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d < 20*time.Millisecond || d > soon {
			t.Errorf("it took %v", d)
		}
	}
	give(p, held)
	if err := <-patient; err != nil {
		t.Errorf("the one who waits longest: %v", err)
	}
}

func TestQueueHasACap(t *testing.T) {
	release := make(chan bool)
	p, _ := pooled(t, 1, func(int64) error { <-release; return nil })
	var wg sync.WaitGroup
	for i := 0; i < maxWaiting; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if c, err := take(p, time.Now().Add(long)); err == nil {
				give(p, c)
			}
		}()
	}
	eventually(t, func() error { return queued(p, maxWaiting) })
	if _, err := take(p, time.Now().Add(long)); err != errBusy {
		t.Errorf("got %v", err)
	}
	close(release)
	wg.Wait()
}

func TestConnectionSlowerThanADeadlineIsThereForTheNextCall(t *testing.T) {
	release := make(chan bool)
	p, dials := pooled(t, 4, func(int64) error { <-release; return nil })
	if _, err := take(p, time.Now().Add(20*time.Millisecond)); !late(err) {
		t.Errorf("got %v", err)
	}
	close(release)
	c, err := take(p, time.Now().Add(long))
	if err != nil || dials.Load() != 1 {
		t.Fatalf("%d dials, %v", dials.Load(), err)
	}
	give(p, c)
}
