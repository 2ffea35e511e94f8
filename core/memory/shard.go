package memory

import (
	"sync"

	"github.com/weirproxy/weir/core"
)

// key is an identity under a limit. Two strings, so that looking one up does
// not put them together first.
type key struct{ scope, identity string }

type entry struct {
	core.State
	key key

	// full is when the limit is full again and the entry says nothing.
	full int64

	// due is where the entry stands in the queue: full, as it was when the entry
	// was put there. A charge moves full and leaves due, which is never later.
	due   int64
	index int
}

// absent is the index of an entry that its shard does not hold: a new one, or
// one that made room while it was being decided.
const absent = -1

// shard holds part of the keys, and a queue of them by when they are full: a
// binary heap, the soonest first.
type shard struct {
	mu      sync.Mutex
	entries map[key]*entry
	queue   []*entry
}

func newEntry(k key) *entry { return &entry{key: k, index: absent} }

func (sh *shard) insert(e *entry) {
	sh.entries[e.key] = e
	e.due, e.index = e.full, len(sh.queue)
	sh.queue = append(sh.queue, e)
	sh.up(e.index)
}

func (sh *shard) remove(e *entry) {
	delete(sh.entries, e.key)
	last := len(sh.queue) - 1
	moved := sh.queue[last]
	sh.queue[last] = nil
	sh.queue = sh.queue[:last]
	if moved != e {
		sh.queue[e.index] = moved
		moved.index = e.index
		sh.down(moved.index)
		sh.up(moved.index)
	}
	e.index = absent
}

// soonest is the entry that is full first, nil where there is none.
func (sh *shard) soonest() *entry {
	for len(sh.queue) > 0 {
		e := sh.queue[0]
		if e.due >= e.full {
			return e
		}
		e.due = e.full
		sh.down(0)
	}
	return nil
}

// sweep removes up to most entries that are full by now and counts them.
func (sh *shard) sweep(now int64, most int) int64 {
	n := int64(0)
	for ; most > 0; most-- {
		e := sh.soonest()
		if e == nil || e.full > now {
			break
		}
		sh.remove(e)
		n++
	}
	return n
}

func (sh *shard) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if sh.queue[parent].due <= sh.queue[i].due {
			return
		}
		sh.swap(i, parent)
		i = parent
	}
}

func (sh *shard) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(sh.queue) {
			return
		}
		if right := child + 1; right < len(sh.queue) && sh.queue[right].due < sh.queue[child].due {
			child = right
		}
		if sh.queue[i].due <= sh.queue[child].due {
			return
		}
		sh.swap(i, child)
		i = child
	}
}

func (sh *shard) swap(i, j int) {
	sh.queue[i], sh.queue[j] = sh.queue[j], sh.queue[i]
	sh.queue[i].index, sh.queue[j].index = i, j
}
