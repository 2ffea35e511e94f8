package memory

import "github.com/weirproxy/weir/core"

// table finds entries by their hash. It has a power of two of places, at most
// half of them taken, and an entry stands in the first free one from where its
// hash says. A search goes by the tags, which are small enough to stay in a
// cache; 0 is that of a free place.
type table struct {
	tags    []uint32
	entries []*entry
	held    int
}

func (t *table) open(places int) {
	t.tags = make([]uint32, places)
	t.entries = make([]*entry, places)
}

// tagOf is the last bits of a hash, made different from 0 by one that chooses no
// place.
func tagOf(hash uint64) uint32 { return uint32(hash) | 1<<31 }

// get is the entry of this identity under the limit, nil where there is none.
func (t *table) get(hash uint64, l *core.Limit, identity string) *entry {
	tag, mask := uint32(hash)|1<<31, uint32(len(t.tags)-1)
	for i := tag & mask; t.tags[i] != 0; i = (i + 1) & mask {
		if t.tags[i] == tag {
			if e := t.entries[i]; e.identity == identity && (e.limit == l || e.passTo(l)) {
				return e
			}
		}
	}
	return nil
}

// passTo says whether the other limit counts what the entry's does, as one does
// that a new configuration brought, and makes the entry its.
func (e *entry) passTo(l *core.Limit) bool {
	if e.limit.Scope != l.Scope {
		return false
	}
	e.limit = l
	return true
}

func (t *table) insert(e *entry) {
	if 2*t.held >= len(t.tags) {
		t.grow()
	}
	t.held++
	t.put(tagOf(e.hash), e)
}

func (t *table) put(tag uint32, e *entry) {
	mask := uint32(len(t.tags) - 1)
	i := tag & mask
	for t.tags[i] != 0 {
		i = (i + 1) & mask
	}
	t.tags[i], t.entries[i] = tag, e
}

func (t *table) grow() {
	tags, entries := t.tags, t.entries
	t.open(2 * len(tags))
	for i, tag := range tags {
		if tag != 0 {
			t.put(tag, entries[i])
		}
	}
}

// remove frees the entry's place, and moves up those that stand behind it only
// because it was taken.
func (t *table) remove(e *entry) {
	t.held--
	mask := uint32(len(t.tags) - 1)
	free := tagOf(e.hash) & mask
	for t.entries[free] != e {
		free = (free + 1) & mask
	}
	for i := (free + 1) & mask; t.tags[i] != 0; i = (i + 1) & mask {
		if (i-t.tags[i])&mask >= (i-free)&mask {
			t.tags[free], t.entries[free] = t.tags[i], t.entries[i]
			free = i
		}
	}
	t.tags[free] = 0
	t.entries[free] = nil
}
