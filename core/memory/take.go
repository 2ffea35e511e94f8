package memory

import (
	"hash/maphash"
	"time"

	"github.com/weirproxy/weir/core"
)

// Take implements core.Store. It never fails.
func (s *Store) Take(now time.Time, hits []core.Hit) error {
	at := s.originMicros + int64(now.Sub(s.origin)/time.Microsecond)
	if len(hits) == 1 {
		takeOne(s, at, &hits[0])
	} else {
		takeAll(s, at, hits)
	}
	return nil
}

func takeAll(s *Store, at int64, hits []core.Hit) {
	locked := s.lock(hits)
	entries := make([]*entry, len(hits))
	states := make([]core.State, len(hits))
	all := true
	for i := range hits {
		h := &hits[i]
		e := s.find(h)
		if e == nil {
			e = newEntry(key{h.Limit.Scope, h.Identity})
		}
		entries[i], states[i] = e, e.State
		h.Result.Allowed = core.Decide(h.Limit, &states[i], at, h.Cost)
		all = all && (h.Result.Allowed || h.Limit.DryRun)
	}
	for i, e := range entries {
		h := &hits[i]
		charged := all && h.Result.Allowed && h.Cost > 0
		if charged {
			core.Charge(h.Limit, &states[i], at, h.Cost)
		}
		core.Describe(h.Limit, &states[i], at, h.Cost, h.Result.Allowed, charged, &h.Result)
		if charged {
			e.State = states[i]
			e.full = at + int64(h.Result.Full/time.Microsecond)
			if e.index == absent {
				hold(s, &s.shards[shardOf(s, h.Identity)], e, at)
			}
		}
	}
	s.unlock(locked)
}

// takeOne is Take for the usual case, without allocating for a key it knows.
func takeOne(s *Store, at int64, h *core.Hit) {
	k := key{h.Limit.Scope, h.Identity}
	sh := &s.shards[maphash.String(s.seed, h.Identity)%shardCount]
	sh.mu.Lock()
	e := sh.entries[k]
	if e == nil {
		e = newEntry(k)
	}
	state := e.State
	allowed := core.Decide(h.Limit, &state, at, h.Cost)
	charged := allowed && h.Cost > 0
	if charged {
		core.Charge(h.Limit, &state, at, h.Cost)
	}
	core.Describe(h.Limit, &state, at, h.Cost, allowed, charged, &h.Result)
	if charged {
		e.State = state
		e.full = at + int64(h.Result.Full/time.Microsecond)
		if e.index == absent {
			hold(s, sh, e, at)
		}
	}
	sh.mu.Unlock()
}

// hold keeps a new entry. The lock of its shard is held.
func hold(s *Store, sh *shard, e *entry, at int64) {
	// Each new key pays for forgetting old ones, so that memory shrinks with the
	// traffic even between two sweeps.
	s.keys.Add(-sh.sweep(at, 2))
	s.keys.Add(1)
	for s.keys.Load() > s.maxKeys && s.evict(sh) {
	}
	sh.insert(e)
}

// evict removes the key that is full soonest, from this shard or, where it is
// empty, from one that nobody is using. It finds none where all others are in
// use: the next new key then makes up for it.
func (s *Store) evict(sh *shard) bool {
	if e := sh.soonest(); e != nil {
		sh.remove(e)
		s.keys.Add(-1)
		return true
	}
	for i := range s.shards {
		other := &s.shards[i]
		if !other.mu.TryLock() {
			continue
		}
		e := other.soonest()
		if e != nil {
			other.remove(e)
			s.keys.Add(-1)
		}
		other.mu.Unlock()
		if e != nil {
			return true
		}
	}
	return false
}

// Refund implements core.Store. It never fails.
func (s *Store) Refund(now time.Time, hits []core.Hit) error {
	locked := s.lock(hits)
	for i := range hits {
		h := &hits[i]
		if e := s.find(h); e != nil && h.Result.Charged {
			core.Refund(h.Limit, &e.State, h.Result.Stamp, h.Cost)
		}
	}
	s.unlock(locked)
	return nil
}

// Peek implements core.Store. It never fails.
func (s *Store) Peek(now time.Time, hits []core.Hit) error {
	at := clock(s, now)
	locked := s.lock(hits)
	for i := range hits {
		h := &hits[i]
		var state core.State
		if e := s.find(h); e != nil {
			state = e.State
		}
		allowed := core.Decide(h.Limit, &state, at, h.Cost)
		core.Describe(h.Limit, &state, at, h.Cost, allowed, false, &h.Result)
	}
	s.unlock(locked)
	return nil
}

// Reset implements core.Store. It never fails.
func (s *Store) Reset(limit *core.Limit, identity string) error {
	sh := &s.shards[shardOf(s, identity)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.entries[key{limit.Scope, identity}]; e != nil {
		sh.remove(e)
		s.keys.Add(-1)
	}
	return nil
}

// Block implements core.Store. It never fails.
func (s *Store) Block(now time.Time, limit *core.Limit, identity string, d time.Duration) error {
	at := clock(s, now)
	k := key{limit.Scope, identity}
	sh := &s.shards[shardOf(s, identity)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[k]
	if e == nil {
		e = newEntry(k)
	}
	e.State = core.State{Blocked: at + d.Microseconds()}
	e.full = e.Blocked
	if e.index == absent {
		hold(s, sh, e, at)
	}
	return nil
}

// Probe implements core.Store. The memory of this process is always there.
func (s *Store) Probe() error { return nil }

func (s *Store) find(h *core.Hit) *entry {
	return s.shards[shardOf(s, h.Identity)].entries[key{h.Limit.Scope, h.Identity}]
}

// lock locks the shards of all hits, lowest first so that no two decisions wait
// for each other, and returns them as a set of bits.
func (s *Store) lock(hits []core.Hit) uint64 {
	set := uint64(0)
	for i := range hits {
		set |= uint64(1) << uint(shardOf(s, hits[i].Identity))
	}
	for i := 0; i < shardCount; i++ {
		if set&(uint64(1)<<uint(i)) != 0 {
			s.shards[i].mu.Lock()
		}
	}
	return set
}

func (s *Store) unlock(set uint64) {
	for i := 0; i < shardCount; i++ {
		if set&(uint64(1)<<uint(i)) != 0 {
			s.shards[i].mu.Unlock()
		}
	}
}
