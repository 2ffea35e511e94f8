// Package memory keeps the state of limits in this process.
package memory

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirproxy/weir/core"
)

// DefaultMaxKeys is how many keys are kept unless the configuration says
// otherwise.
const DefaultMaxKeys = 100_000

const (
	// shardCount shards let as many decisions go on at once.
	shardCount = 64

	// shardShift leaves of a hash the bits that choose a shard.
	shardShift = 64 - 6

	// sweepEvery is how often keys that are full again are looked for.
	sweepEvery = 10 * time.Second
)

// Store is a core.Store in memory. It holds a key for as long as its limit is
// not full again, and at most so many keys: the one that is full soonest, in
// the new key's shard, makes room for it.
//
// A key takes 150 to 250 bytes; one of a sliding-log 8 to 16 bytes more for each
// unit in its window.
type Store struct {
	maxKeys int64
	keys    atomic.Int64
	seed    maphash.Seed

	// The store's clock goes on from origin by the monotonic clock, so that a
	// step of the wall clock does not touch the counters.
	origin       time.Time
	originMicros int64

	shards [shardCount]shard

	mu     sync.Mutex
	sweeps *time.Timer
	closed bool
}

// New makes an empty store that holds at most maxKeys keys, 1 or more. Close
// ends it.
func New(maxKeys int) *Store {
	now := time.Now()
	s := &Store{maxKeys: int64(maxKeys), seed: maphash.MakeSeed(), origin: now, originMicros: now.UnixMicro()}
	for i := range s.shards {
		s.shards[i].table.open(8)
	}
	s.sweeps = time.AfterFunc(sweepEvery, s.sweepOnTime)
	return s
}

// Len is the number of keys that the store holds.
func (s *Store) Len() int { return int(s.keys.Load()) }

// Close ends the sweeps and forgets everything. The store must not be used
// afterwards.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.sweeps.Stop()
	return nil
}

func (s *Store) sweepOnTime() {
	s.Sweep(time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.sweeps.Reset(sweepEvery)
	}
}

// Sweep forgets the keys that are full again by now.
func (s *Store) Sweep(now time.Time) {
	at := clock(s, now)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		s.keys.Add(-sh.sweep(at, len(sh.queue)))
		sh.mu.Unlock()
	}
}

func clock(s *Store, now time.Time) int64 {
	return s.originMicros + int64(now.Sub(s.origin)/time.Microsecond)
}

// hashOf chooses a shard by its first bits, which are the same for all limits of
// an identity, and a place there by its last.
func hashOf(s *Store, l *core.Limit, identity string) uint64 {
	return maphash.String(s.seed, identity) ^ l.Salt
}

func shardOf(s *Store, hash uint64) *shard { return &s.shards[hash>>shardShift] }
