package goredis

import (
	"context"
	"errors"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"
)

const (
	// places is how many round trips are under way at most. Fewer share more,
	// and let a command wait for longer where the server is far away.
	places = 4

	// batchSize bounds a round trip's commands, so that none waits for many.
	batchSize = 64

	// maxWaiting bounds the commands that wait for a place: far more than any
	// server answers within a decision's time.
	maxWaiting = 4096
)

var errBusy = errors.New("redis: too many decisions wait for the server")

// batcher lets commands that come at once share round trips. A command that
// finds a place free goes out alone, at once. The others wait, and go together
// when a place falls free.
type batcher struct {
	driver driver.UniversalClient

	mu       sync.Mutex
	underWay int
	waiting  []*queued
}

type queued struct {
	driver.Cmder
	deadline time.Time
	done     chan struct{}
}

// process sends the command and waits for its reply, until ctx is over.
func (b *batcher) process(ctx context.Context, cmd driver.Cmder) error {
	b.mu.Lock()
	if b.underWay < places {
		b.underWay++
		b.mu.Unlock()
		defer b.leave()
		return b.driver.Process(ctx, cmd)
	}
	if len(b.waiting) == maxWaiting {
		b.mu.Unlock()
		return errBusy
	}
	deadline, _ := ctx.Deadline()
	q := &queued{cmd, deadline, make(chan struct{})}
	b.waiting = append(b.waiting, q)
	b.mu.Unlock()
	select {
	case <-q.done:
		return q.Err()
	case <-ctx.Done():
		// The command may be under way, and is no longer ours to look at.
		return ctx.Err()
	}
}

// leave gives a place up, or to those who wait for one.
func (b *batcher) leave() {
	if batch := b.next(); batch != nil {
		go b.sendAll(batch)
	}
}

func (b *batcher) sendAll(batch []*queued) {
	for ; batch != nil; batch = b.next() {
		b.send(batch)
	}
}

// next takes a batch of those who still wait, nil and the place where there are
// none.
func (b *batcher) next() []*queued {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	var batch []*queued
	for len(b.waiting) > 0 && len(batch) < batchSize {
		if q := b.waiting[0]; q.deadline.After(now) {
			batch = append(batch, q)
		}
		b.waiting[0] = nil
		b.waiting = b.waiting[1:]
	}
	if batch == nil {
		b.underWay--
	}
	return batch
}

// send sends a batch in one round trip, which takes no longer than the most
// patient of them waits.
func (b *batcher) send(batch []*queued) {
	var latest time.Time
	pipeline := b.driver.Pipeline()
	for _, q := range batch {
		if q.deadline.After(latest) {
			latest = q.deadline
		}
		_ = pipeline.Process(context.Background(), q.Cmder)
	}
	ctx, cancel := context.WithDeadline(context.Background(), latest)
	defer cancel()
	// Each command has its own error.
	_, _ = pipeline.Exec(ctx)
	for _, q := range batch {
		close(q.done)
	}
}
