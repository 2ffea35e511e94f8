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
		e := known(s, h)
		if e == nil {
			hash := hashOf(s, h.Limit, h.Identity)
			e = shardOf(s, hash).fresh(hash, h.Limit, h.Identity)
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
			if e.index == absent {
				hold(s, shardOf(s, hashOf(s, h.Limit, h.Identity)), e, at)
			}
		}
	}
	s.unlock(locked)
}

// takeOne is Take for the usual case, without allocating for a key it knows.
func takeOne(s *Store, at int64, h *core.Hit) {
	sh, e := find(s, h.Limit, h.Identity)
	if e == nil {
		e = sh.fresh(hashOf(s, h.Limit, h.Identity), h.Limit, h.Identity)
	}
	before := e.State
	allowed := core.Decide(h.Limit, &e.State, at, h.Cost)
	charged := allowed && h.Cost > 0
	if charged {
		core.Charge(h.Limit, &e.State, at, h.Cost)
	}
	core.Describe(h.Limit, &e.State, at, h.Cost, allowed, charged, &h.Result)
	if charged {
		if e.index == absent {
			hold(s, sh, e, at)
		}
	} else {
		e.State = before
	}
	sh.mu.Unlock()
}

// find locks the shard that this identity under the limit belongs to. The entry
// is nil where there is none.
func find(s *Store, l *core.Limit, identity string) (*shard, *entry) {
	// hashOf and shardOf, written out: interpreted, a call costs more than they do.
	hash := maphash.String(s.seed, identity) ^ l.Salt
	sh := &s.shards[hash>>shardShift]
	sh.mu.Lock()
	return sh, sh.table.get(hash, l, identity)
}

// hold keeps a new entry. The lock of its shard is held.
func hold(s *Store, sh *shard, e *entry, at int64) {
	// Each new key pays for forgetting old ones, so that memory shrinks with the
	// traffic even between two sweeps.
	s.keys.Add(-sh.sweep(at, 2))
	s.keys.Add(1)
	for s.keys.Load() > s.maxKeys && s.evict(sh, at) {
	}
	sh.insert(e, at)
}

// evict removes the key that is full soonest, from this shard or, where it is
// empty, from one that nobody is using. It finds none where all others are in
// use: the next new key then makes up for it.
func (s *Store) evict(sh *shard, at int64) bool {
	if e, _ := sh.soonest(at); e != nil {
		sh.remove(e)
		s.keys.Add(-1)
		return true
	}
	for i := range s.shards {
		other := &s.shards[i]
		if !other.mu.TryLock() {
			continue
		}
		e, _ := other.soonest(at)
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
		if e := known(s, h); e != nil && h.Result.Charged {
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
		if e := known(s, h); e != nil {
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
	sh, e := find(s, limit, identity)
	defer sh.mu.Unlock()
	if e != nil {
		sh.remove(e)
		s.keys.Add(-1)
	}
	return nil
}

// Block implements core.Store. It never fails.
func (s *Store) Block(now time.Time, limit *core.Limit, identity string, d time.Duration) error {
	at := clock(s, now)
	sh, e := find(s, limit, identity)
	defer sh.mu.Unlock()
	if e == nil {
		e = sh.fresh(hashOf(s, limit, identity), limit, identity)
	}
	e.State = core.State{Blocked: at + d.Microseconds()}
	if e.index == absent {
		hold(s, sh, e, at)
	}
	// Who holds the key has to find it again.
	sh.revive(e)
	return nil
}

// Probe implements core.Store. The memory of this process is always there.
func (s *Store) Probe() error { return nil }

// known is the hit's entry in its shard, which is locked; nil where there is
// none.
func known(s *Store, h *core.Hit) *entry {
	hash := hashOf(s, h.Limit, h.Identity)
	return shardOf(s, hash).table.get(hash, h.Limit, h.Identity)
}

// lock locks the shards of all hits, lowest first so that no two decisions wait
// for each other, and returns them as a set of bits.
func (s *Store) lock(hits []core.Hit) uint64 {
	set := uint64(0)
	for i := range hits {
		set |= uint64(1) << uint(hashOf(s, hits[i].Limit, hits[i].Identity)>>shardShift)
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
