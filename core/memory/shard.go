package memory

import (
	"sync"

	"github.com/weirproxy/weir/core"
)

// entry is one identity under one limit. What most decisions need of it lies in
// its first cache line.
type entry struct {
	identity string
	limit    *core.Limit
	core.State

	hash  uint64
	index int // in the shard's queue

	// life tells the shard's entries apart; it is 0 where the shard does not hold
	// the entry.
	life uint64

	_ [8]byte // to whole cache lines
}

// absent is the index of an entry that its shard does not hold: a new one, or
// one that made room while it was being decided.
const absent = -1

// shard holds part of the keys: in a table by their hash, and in a queue by when
// they are full.
type shard struct {
	mu sync.Mutex

	table table
	queue []place

	// spare is the entry removed last, for the next new key.
	spare *entry

	lives uint64

	_ [24]byte // to whole cache lines, which no two shards share
}

// fresh is an entry that says nothing and that the shard does not hold yet.
func (sh *shard) fresh(hash uint64, l *core.Limit, identity string) *entry {
	e := sh.spare
	if e == nil {
		e = &entry{}
	}
	sh.spare = nil
	e.identity, e.limit, e.hash, e.index = identity, l, hash, absent
	return e
}

func (sh *shard) insert(e *entry, at int64) {
	if sh.spare == e {
		sh.spare = nil
	}
	sh.table.insert(e)
	sh.push(e, at)
	sh.revive(e)
}

// revive begins a life of the entry, so that none before it is taken for it.
func (sh *shard) revive(e *entry) {
	sh.lives++
	e.life = sh.lives
}

func (sh *shard) remove(e *entry) {
	sh.table.remove(e)
	sh.drop(e)
	e.State = core.State{}
	e.life = 0
	sh.spare = e
}

// sweep removes up to most entries that are full by now and counts them.
func (sh *shard) sweep(now int64, most int) int64 {
	n := int64(0)
	for ; most > 0; most-- {
		e, due := sh.soonest(now)
		if e == nil || due > now {
			break
		}
		sh.remove(e)
		n++
	}
	return n
}
