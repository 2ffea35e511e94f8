// Package redis keeps the state of limits in a Redis server, so that any number
// of proxies share it. One script call decides all hits of a request, by the
// server's clock.
//
// The server may be Redis 6.2 or later, Valkey, or what speaks like them. The
// package does not speak to it itself: a Runner does.
package redis

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/weirproxy/weir/core"
)

// DefaultTimeout is the whole time that a decision may spend on the store.
const DefaultTimeout = 100 * time.Millisecond

// Store is a core.Store in Redis.
type Store struct {
	runner   Runner
	timeout  time.Duration
	probe    *core.Limit
	clock    func() int64
	refunds  *atomic.Int64
	failures *failures
}

// maxRefunds is how many refunds to other shards may be under way. One that
// finds no place is dropped: its key then denies for a little too long.
const maxRefunds = 64

// New makes a store of what runner reaches. timeout bounds each call to it,
// DefaultTimeout where it is 0. prefix begins the key of the store's probe, as
// it does all others.
func New(runner Runner, prefix string, timeout time.Duration) (*Store, error) {
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	probe, err := core.Spec{Name: "probe", Rate: "1000000/1s", Algorithm: "fixed-window"}.Limits(prefix)
	if err != nil {
		return nil, err
	}
	return &Store{runner: runner, timeout: timeout, probe: probe[0], refunds: new(atomic.Int64), failures: &failures{}}, nil
}

// WithClock is the same store by another clock, in microseconds, instead of the
// server's: for tests that move time.
func (s *Store) WithClock(clock func() int64) *Store {
	return &Store{s.runner, s.timeout, s.probe, clock, s.refunds, s.failures}
}

// Take implements core.Store.
func (s *Store) Take(now time.Time, hits []core.Hit) error {
	deadline := now.Add(s.timeout)
	if len(hits) > 1 && s.runner.Sharded() {
		return s.takeSharded(deadline, hits)
	}
	return ask(s, deadline, "take", hits)
}

// Peek implements core.Store.
func (s *Store) Peek(now time.Time, hits []core.Hit) error {
	deadline := now.Add(s.timeout)
	if s.runner.Sharded() {
		for i := range hits {
			if err := ask(s, deadline, "peek", hits[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	return ask(s, deadline, "peek", hits)
}

// ask runs takeScript for hits that one script call may touch together.
func ask(s *Store, deadline time.Time, mode string, hits []core.Hit) error {
	var keys, args []string
	if len(hits) == 1 {
		h := &hits[0]
		keys = []string{core.Key(h.Limit, h.Identity)}
		args = []string{core.Parameters(h.Limit, h.Cost)}
	} else {
		keys, args = command(hits)
	}
	if mode != "take" || s.clock != nil {
		args = withMode(s, args, mode)
	}
	reply, err := s.runner.Run(deadline, takeScript, keys, args)
	if err != nil {
		return failed(s, keys[0], err)
	}
	return read(reply, mode == "take", hits)
}

// command is what takeScript is told of several hits.
func command(hits []core.Hit) (keys, args []string) {
	for i := range hits {
		h := &hits[i]
		keys = append(keys, core.Key(h.Limit, h.Identity))
		args = append(args, core.Parameters(h.Limit, h.Cost))
	}
	return keys, args
}

// withMode adds what says otherwise than to take, by the server's clock.
func withMode(s *Store, args []string, mode string) []string {
	args = append(args, mode)
	if s.clock != nil {
		args = append(args, strconv.FormatInt(s.clock(), 10))
	}
	return args
}

// Refund implements core.Store.
func (s *Store) Refund(now time.Time, hits []core.Hit) error {
	deadline := now.Add(s.timeout)
	var keys, args []string
	for i := range hits {
		h := &hits[i]
		if !h.Result.Charged {
			continue
		}
		keys = append(keys, core.Key(h.Limit, h.Identity))
		args = append(args, h.Limit.Algorithm.Tag()+" "+strconv.FormatInt(h.Result.Stamp, 10)+" "+core.Charged(h.Limit, h.Cost))
	}
	if len(keys) == 0 {
		return nil
	}
	if !s.runner.Sharded() {
		_, err := s.runner.Run(deadline, refundScript, keys, args)
		return err
	}
	var failed error
	for i := range keys {
		if _, err := s.runner.Run(deadline, refundScript, keys[i:i+1], args[i:i+1]); err != nil {
			failed = err
		}
	}
	return failed
}

// Reset implements core.Store.
func (s *Store) Reset(limit *core.Limit, identity string) error {
	_, err := s.runner.Run(time.Now().Add(s.timeout), resetScript, []string{core.Key(limit, identity)}, nil)
	return err
}

// Block implements core.Store.
func (s *Store) Block(now time.Time, limit *core.Limit, identity string, d time.Duration) error {
	args := []string{limit.Algorithm.Tag() + " " + strconv.FormatInt(d.Microseconds(), 10)}
	if s.clock != nil {
		args = append(args, strconv.FormatInt(s.clock(), 10))
	}
	_, err := s.runner.Run(now.Add(s.timeout), blockScript, []string{core.Key(limit, identity)}, args)
	return err
}
