package goredis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"
)

const (
	// places is how many round trips are under way at most. Fewer share more,
	// and let a command wait for longer where the server is far away.
	places = 3

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

// queued is a command that waits for a place, and whoever waits for its reply.
type queued struct {
	driver.Cmder
	deadline time.Time
	done     chan struct{}
	timer    *time.Timer
}

// spare are those whose command is over. One that was given up may still be
// under way, and never comes here.
var spare = sync.Pool{New: func() any {
	return &queued{done: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
}}

// process sends the command and waits for its reply, until the deadline.
func (b *batcher) process(deadline time.Time, cmd driver.Cmder) error {
	b.mu.Lock()
	if b.underWay < places {
		b.underWay++
		b.mu.Unlock()
		defer b.leave()
		return alone(b.driver, deadline, cmd)
	}
	if len(b.waiting) == maxWaiting {
		b.mu.Unlock()
		return errBusy
	}
	q := spare.Get().(*queued)
	q.Cmder, q.deadline = cmd, deadline
	if b.waiting == nil {
		b.waiting = make([]*queued, 0, batchSize)
	}
	b.waiting = append(b.waiting, q)
	b.mu.Unlock()
	q.timer.Reset(time.Until(deadline))
	select {
	case <-q.done:
		q.Cmder = nil
		spare.Put(q)
		return cmd.Err()
	case <-q.timer.C:
		// The command may be under way, and is no longer ours to look at.
		return context.DeadlineExceeded
	}
}

// alone sends a command in a round trip of its own.
func alone(client driver.UniversalClient, deadline time.Time, cmd driver.Cmder) error {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	return client.Process(ctx, cmd)
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
	for len(b.waiting) > 0 {
		batch := b.waiting
		b.waiting = nil
		if len(batch) > batchSize {
			b.waiting = slices.Clone(batch[batchSize:])
			batch = batch[:batchSize]
		}
		batch = slices.DeleteFunc(batch, func(q *queued) bool { return !q.deadline.After(now) })
		if len(batch) > 0 {
			return batch
		}
	}
	b.underWay--
	return nil
}

// send sends a batch in one round trip, which takes no longer than the most
// patient of them waits.
func (b *batcher) send(batch []*queued) {
	var latest time.Time
	commands := make([]driver.Cmder, len(batch))
	for i, q := range batch {
		if q.deadline.After(latest) {
			latest = q.deadline
		}
		commands[i] = q.Cmder
	}
	ctx, cancel := context.WithDeadline(context.Background(), latest)
	defer cancel()
	pipeline := b.driver.Pipeline()
	_ = pipeline.BatchProcess(ctx, commands...)
	// Each command has its own error.
	_, _ = pipeline.Exec(ctx)
	for _, q := range batch {
		q.done <- struct{}{}
	}
}
