package traefikplugin

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/resp"
)

// shared is what middlewares with the same settings have in common.
type shared struct {
	store core.Store

	// where says where the counters are, for the log.
	where string

	// breaker, denials, leases and fallback are nil where the store is memory.
	breaker  *core.Breaker
	denials  *core.Denials
	leases   *core.Leases
	fallback core.Store

	// lane is nil where the store has none.
	lane *lane

	// gate is all that a middleware's routers share.
	gate *gate

	close func()
}

// shareMemory returns the counters of this process.
func shareMemory(ctx context.Context, maxKeys int) (*shared, error) {
	return one.acquire(ctx, "memory "+strconv.Itoa(maxKeys), func() (*shared, error) {
		store := memory.New(maxKeys)
		origin, _ := memory.Clock(store)
		own := newLane(memoryLoops(), origin, &sync.Mutex{}, func(l *lane, me *loop) { decideInMemory(l, me, store) })
		return &shared{store: store, where: "in memory", lane: own, close: func() {
			own.close()
			_ = store.Close()
		}}, nil
	})
}

// settled is when a configuration that nobody has asked anything of connects to
// Redis. The Plugin Catalog, which has no Redis, makes a middleware only to see
// that it can be made.
const settled = time.Second

// shareRedis returns the connections to a Redis. The first is made by a request,
// or in the background; nobody waits for it.
func shareRedis(ctx context.Context, options redis.Options, prefix string, timeout time.Duration, maxKeys int) (*shared, error) {
	settings, err := fingerprint(options)
	if err != nil {
		return nil, err
	}
	target, err := options.Target()
	if err != nil {
		return nil, err
	}
	key := "redis " + settings + " " + prefix + " " + timeout.String() + " " + strconv.Itoa(maxKeys)
	return one.acquire(ctx, key, func() (*shared, error) {
		runner, err := resp.New(options)
		if err != nil {
			return nil, err
		}
		store, err := redis.New(runner, prefix, timeout)
		if err != nil {
			_ = runner.Close()
			return nil, err
		}
		fallback := memory.New(maxKeys)
		name := "Redis at " + strings.Join(target.Addresses, ", ")
		breaker := core.NewBreaker(store.Probe, func(event core.Event, err error) { logStore(name, event, err) })
		warm := time.AfterFunc(settled, func() { breaker.Warm(store.Warm) })
		leases := core.NewLeases()
		var own *lane
		// Each loop keeps a connection: most are for others.
		loops := target.PoolSize / 4
		if loops > redisLoops {
			loops = redisLoops
		}
		if loops > 0 && !runner.Sharded() {
			own = newLane(loops, time.Now(), leases.Mutex(), func(l *lane, me *loop) { decideInRedis(l, me, runner, breaker, timeout) })
		}
		return &shared{store: store, where: "in " + name, breaker: breaker, denials: core.NewDenials(), leases: leases, fallback: fallback, lane: own, close: func() {
			if own != nil {
				own.close()
			}
			warm.Stop()
			breaker.Close()
			_ = runner.Close()
			_ = fallback.Close()
		}}, nil
	})
}

// shareGate returns the way into the lane of the middleware of this name and
// configuration, of which Traefik makes one for each router.
func shareGate(ctx context.Context, l *lane, config *Config, name string, r *rule) (*gate, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	key := "gate " + l.id + " " + name + " " + core.HashIdentity(string(text))
	s, err := one.acquire(ctx, key, func() (*shared, error) {
		return &shared{gate: newGate(r), close: func() {}}, nil
	})
	if err != nil {
		return nil, err
	}
	return s.gate, nil
}

// fingerprint tells options apart, the content of the files that they name
// included: a certificate that was renewed makes other connections. It is a hash,
// so that no password is in the registry's keys.
func fingerprint(options redis.Options) (string, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return "", err
	}
	if t := options.TLS; t != nil {
		for _, path := range []string{t.CA, t.Cert, t.Key} {
			// What is not there is told by who needs it.
			if content, err := os.ReadFile(path); err == nil {
				text = append(text, content...)
			}
		}
	}
	return core.HashIdentity(string(text)), nil
}

// announce logs a line, once for all routers and reloads that would.
func announce(ctx context.Context, line string) {
	_, _ = one.acquire(ctx, "log "+line, func() (*shared, error) {
		logInfo(line)
		return &shared{close: func() {}}, nil
	})
}
