package memory

import (
	"time"

	"github.com/weirproxy/weir/core"
)

// place is an entry's in its shard's queue: a binary heap, the soonest first.
type place struct {
	// due is when the entry was full as it was put here. A charge moves that and
	// leaves due, which is never later.
	due int64
	e   *entry
}

func (sh *shard) push(e *entry, at int64) {
	e.index = len(sh.queue)
	sh.queue = append(sh.queue, place{e.full(at), e})
	sh.up(len(sh.queue) - 1)
}

func (sh *shard) drop(e *entry) {
	i, last := e.index, len(sh.queue)-1
	sh.queue[i] = sh.queue[last]
	sh.queue[i].e.index = i
	sh.queue[last].e = nil
	sh.queue = sh.queue[:last]
	if i < last {
		sh.down(i)
		sh.up(i)
	}
	e.index = absent
}

// soonest is the entry that is full first and when that is, nil where there is
// none.
func (sh *shard) soonest(at int64) (*entry, int64) {
	for len(sh.queue) > 0 {
		e := sh.queue[0].e
		full := e.full(at)
		if sh.queue[0].due >= full {
			return e, full
		}
		sh.queue[0].due = full
		sh.down(0)
	}
	return nil, 0
}

// full is when the entry's limit is full again.
func (e *entry) full(at int64) int64 {
	var r core.Result
	core.Describe(e.limit, &e.State, at, 0, true, false, &r)
	return at + int64(r.Full/time.Microsecond)
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
	sh.queue[i].e.index, sh.queue[j].e.index = i, j
}
