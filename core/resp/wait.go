package resp

import (
	"fmt"
	"os"
	"time"
)

// waiter is a call that waits for a connection. Exactly one of those who take
// it out of the queue, with mu held, sends to ready: a connection, or nil with
// err set.
//
// In Yaegi goroutines that are in the same select statement at the same time
// receive from each other's channels. Hence no call waits with select: it
// receives from one channel, and a timer of the pool ends what is overdue.
type waiter struct {
	deadline time.Time
	ready    chan *conn
	err      error
}

// wait waits for a connection, and has one dialled if there may be more. mu is
// held; wait releases it.
func wait(p *pool, deadline time.Time) (*conn, error) {
	now := time.Now()
	var refusal error
	if p.closed {
		refusal = errRetired
	} else if !now.Before(deadline) {
		refusal = p.overdue()
	} else if len(p.open)+p.dialing == 0 && now.Before(p.retry) && p.err != nil {
		refusal = p.err
	} else if len(p.queue) >= p.size*maxWaiting {
		refusal = errBusy
	}
	if refusal != nil {
		p.mu.Unlock()
		return nil, refusal
	}
	w := &waiter{deadline: deadline, ready: make(chan *conn, 1)}
	p.queue = append(p.queue, w)
	if len(p.open)+p.dialing < p.size {
		p.grow(now)
	}
	if p.wakes.IsZero() || deadline.Before(p.wakes) {
		p.wakeAt(deadline, now)
	}
	p.mu.Unlock()

	c := <-w.ready
	if c == nil {
		return nil, w.err
	}
	return c, nil
}

// hand gives a connection to the call that has waited longest. mu is held.
func hand(p *pool, c *conn) {
	w := p.queue[0]
	p.queue = p.queue[1:]
	w.ready <- c
}

// giveUp ends the waiting if there is nothing to wait for. mu is held.
func (p *pool) giveUp() {
	if len(p.open)+p.dialing == 0 {
		p.dismiss(p.err)
	}
}

// dismiss ends the waiting of all. mu is held.
func (p *pool) dismiss(err error) {
	for _, w := range p.queue {
		w.err = err
		w.ready <- nil
	}
	p.queue = nil
}

func (p *pool) wakeAt(t, now time.Time) {
	p.wakes = t
	if p.expiry == nil {
		p.expiry = time.AfterFunc(t.Sub(now), p.expire)
	} else {
		p.expiry.Reset(t.Sub(now))
	}
}

// expire ends the waiting of those whose time is over.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	next := time.Time{}
	var rest []*waiter
	for _, w := range p.queue {
		if !now.Before(w.deadline) {
			w.err = p.overdue()
			w.ready <- nil
			continue
		}
		rest = append(rest, w)
		if next.IsZero() || w.deadline.Before(next) {
			next = w.deadline
		}
	}
	p.queue = rest
	p.wakes = next
	if !next.IsZero() {
		p.wakeAt(next, now)
	}
}

// overdue is the error of a call that got no connection in time. mu is held.
func (p *pool) overdue() error {
	if p.err != nil {
		return fmt.Errorf("redis: no connection in time: %w; the last attempt: %v", os.ErrDeadlineExceeded, p.err)
	}
	return fmt.Errorf("redis: no connection in time, %d of %d are open: %w", len(p.open), p.size, os.ErrDeadlineExceeded)
}
