package caddymodule

import (
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/goredis"
	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/redis"
)

// The pools hold the connections and the counters that handlers of the same
// settings share, over all sites and over reloads: Caddy makes the new handlers
// before it cleans up the old ones.
//
//	Provision of the first ──▶ in use by n handlers ──▶ Cleanup of the last: closed
//
// A pool must not be asked while something is made for it, so that stores and
// the connections they need have a pool each.
var (
	memories = caddy.NewUsagePool()
	runners  = caddy.NewUsagePool()
	stores   = caddy.NewUsagePool()
)

// Keys of the pools.
type (
	// memoryKey is for counters in memory, on their own or in the place of a
	// Redis.
	memoryKey struct {
		insteadOf [sha256.Size]byte
		maxKeys   int
	}
	runnerKey [sha256.Size]byte // of the options, with secrets in them
	storeKey  struct {
		runner  runnerKey
		prefix  string
		timeout time.Duration
	}
)

// backend is where a handler's counters are. It holds on to its parts of the
// pools until it is released.
type backend struct {
	core.Limiter

	// name is "memory" or where the Redis is.
	name string

	// counters are those in the memory of this process, on their own or for
	// when the Redis is lost; nil where there are none.
	counters *memory.Store

	shared *sharedStore // nil where Redis is not used

	held
}

// newBackend takes what the settings say from the pools. It connects to nothing:
// that is for warm, once it is certain that requests will be served.
// The backend is to be released even where there is an error.
func newBackend(s Settings, repl *caddy.Replacer) (*backend, error) {
	b := &backend{name: "memory"}
	onError, err := core.ParseOnError(s.OnError)
	if err != nil {
		return b, err
	}
	b.OnError = onError
	if s.Redis == nil {
		counters, err := b.memory(memoryKey{maxKeys: s.maxKeys()})
		if err != nil {
			return b, err
		}
		b.counters, b.Store = counters, newTimed(counters, b.name)
		return b, nil
	}
	options, err := s.Redis.options(repl)
	if err != nil {
		return b, err
	}
	target, err := options.Target()
	if err != nil {
		return b, err
	}
	b.name = place(target)
	encoded, err := json.Marshal(options)
	if err != nil {
		return b, err
	}
	runner := runnerKey(sha256.Sum256(encoded))
	shared, err := hold(&b.held, stores, storeKey{runner, s.prefix(), s.timeout()}, func() (*sharedStore, error) {
		return newSharedStore(b.name, options, runner, s.prefix(), s.timeout())
	})
	if err != nil {
		return b, err
	}
	b.shared = shared
	b.Store, b.Breaker, b.Denials = newTimed(shared.Store, b.name), shared.breaker, shared.denials
	if onError == core.Local {
		if b.counters, err = b.memory(memoryKey{insteadOf: runner, maxKeys: s.maxKeys()}); err != nil {
			return b, err
		}
		b.Fallback = b.counters
	}
	return b, nil
}

// warm has the store ready for the first request. It does not wait.
func (b *backend) warm() {
	if b.shared != nil {
		b.shared.warm()
	}
}

// lease lets limits that have a lease use it, which only Redis bears.
func (b *backend) lease() { b.Leases = b.shared.leases }

func (b *backend) memory(key memoryKey) (*memory.Store, error) {
	shared, err := hold(&b.held, memories, key, func() (*sharedMemory, error) {
		return &sharedMemory{memory.New(key.maxKeys)}, nil
	})
	if err != nil {
		return nil, err
	}
	return shared.Store, nil
}

// held is what is to be released.
type held []part

type part struct {
	pool *caddy.UsagePool
	key  any
}

func (h *held) release() error {
	var failed error
	for _, part := range *h {
		if _, err := part.pool.Delete(part.key); err != nil {
			failed = err
		}
	}
	*h = nil
	return failed
}

// hold takes a part of a pool, making it where nobody has.
func hold[T caddy.Destructor](h *held, pool *caddy.UsagePool, key any, create func() (T, error)) (T, error) {
	value, _, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) { return create() })
	if err != nil {
		var none T
		return none, err
	}
	*h = append(*h, part{pool, key})
	return value.(T), nil
}

type sharedMemory struct{ *memory.Store }

// Destruct implements caddy.Destructor.
func (m *sharedMemory) Destruct() error { return m.Close() }

type sharedRunner struct{ redis.Runner }

// Destruct implements caddy.Destructor.
func (r *sharedRunner) Destruct() error { return r.Close() }

// sharedStore is a store in Redis with its breaker. Several may share a runner.
type sharedStore struct {
	*redis.Store
	name    string
	breaker *core.Breaker
	denials *core.Denials
	leases  *core.Leases
	runner  held
	warmed  sync.Once // for all configurations that share it
}

func newSharedStore(name string, options redis.Options, key runnerKey, prefix string, timeout time.Duration) (*sharedStore, error) {
	s := &sharedStore{name: name}
	runner, err := hold(&s.runner, runners, key, func() (*sharedRunner, error) {
		runner, err := goredis.New(options)
		return &sharedRunner{runner}, err
	})
	if err != nil {
		return nil, err
	}
	if s.Store, err = redis.New(runner, prefix, timeout); err != nil {
		s.runner.release()
		return nil, err
	}
	s.breaker = core.NewBreaker(s.Probe, announce(name))
	s.denials, s.leases = core.NewDenials(), core.NewLeases()
	return s, nil
}

func (s *sharedStore) warm() {
	s.warmed.Do(func() { s.breaker.Warm(s.Warm) })
}

// Destruct implements caddy.Destructor.
func (s *sharedStore) Destruct() error {
	s.breaker.Close()
	return s.runner.release()
}

// announce tells of a store that is lost or back. It logs to whichever logger
// Caddy has at that time, since the store outlives configurations.
func announce(name string) func(core.Event, error) {
	return func(event core.Event, err error) {
		logger := caddy.Log().Named("weir").With(zap.String("store", name))
		switch event {
		case core.StoreFailed:
			logger.Warn("the store did not decide a request", zap.Error(err))
		case core.StoreLost:
			logger.Error("the store is lost; requests are decided as on_error says until it is back", zap.Error(err))
		case core.StoreBack:
			logger.Info("the store is back")
		}
	}
}
