package traefikplugin

import (
	"context"
	"sync"
	"time"
)

// grace is how long what nobody uses any more is kept: longer than a reload
// takes, so that the next configuration finds it again, and longer than any
// decision under way.
const grace = time.Minute

// registry holds what outlives a reload: connections, counters in memory, and
// what has been logged already. Everything has a key that says what it is, its
// settings included; all middlewares with that key share it.
//
//	absent ── acquire ──▶ used by n ◀── acquire ── idle ── grace ──▶ closed, absent
//	                          └── last user's ctx ends ──▶ idle
//
// Traefik makes a middleware for each router at each reload. It never closes
// one, but cancels its ctx before it makes those of the next configuration.
type registry struct {
	mu      sync.Mutex
	entries map[string]*entry

	// after calls f when d has passed.
	after func(d time.Duration, f func())
}

type entry struct {
	value *shared
	users int

	// idled counts how often the last user went, so that a grace that began
	// before the latest time ends nothing.
	idled int
}

// one is this process's registry: Traefik has one interpreter for all
// middlewares.
var one = &registry{
	entries: map[string]*entry{},
	after:   func(d time.Duration, f func()) { time.AfterFunc(d, f) },
}

// acquire returns what the key stands for until ctx ends. open makes it where
// it is absent; the registry is locked meanwhile, so it must not wait.
func (r *registry) acquire(ctx context.Context, key string, open func() (*shared, error)) (*shared, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[key]
	if e == nil {
		value, err := open()
		if err != nil {
			return nil, err
		}
		e = &entry{value: value}
		r.entries[key] = e
	}
	e.users++
	context.AfterFunc(ctx, func() { r.release(key, e) })
	return e.value, nil
}

func (r *registry) release(key string, e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.users--
	if e.users > 0 {
		return
	}
	e.idled++
	idled := e.idled
	r.after(grace, func() { r.expire(key, e, idled) })
}

func (r *registry) expire(key string, e *entry, idled int) {
	r.mu.Lock()
	unused := e.users == 0 && e.idled == idled
	if unused {
		delete(r.entries, key)
	}
	r.mu.Unlock()
	if unused {
		e.value.close()
	}
}
