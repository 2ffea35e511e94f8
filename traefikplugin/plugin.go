package traefikplugin

import (
	"context"
	"errors"
	"net/http"

	"github.com/weirproxy/weir/core"
)

// New makes a middleware named as in Traefik's configuration, such as
// "limit@file", in front of next. It connects to nothing: the first request
// does, or a second that goes by. Traefik cancels ctx when the next configuration
// replaces this one; what the middleware shares with others is released then.
func New(ctx context.Context, next http.Handler, config *Config, name string) (http.Handler, error) {
	h, err := newHandler(ctx, next, config, name)
	if err != nil {
		// Yaegi hands a plugin's own types out without their methods.
		return nil, errors.New("weir: " + inBlock("", err).Error())
	}
	return h, nil
}

func newHandler(ctx context.Context, next http.Handler, config *Config, name string) (http.Handler, error) {
	s, err := readConfig(config, name)
	if err != nil {
		return nil, err
	}
	var store *shared
	if s.redis == nil {
		store, err = shareMemory(ctx, s.maxKeys)
	} else {
		store, err = shareRedis(ctx, *s.redis, s.prefix, s.timeout, s.maxKeys)
	}
	if err != nil {
		return nil, err
	}
	if c := config.Redis; c != nil && c.MinIdleConns != "" {
		announce(ctx, name+": redis.minIdleConns changes nothing: connections are opened when they are needed, and kept")
	}
	h := &handler{
		next:      next,
		name:      name,
		answer:    &s.answer,
		trusted:   s.trusted,
		forwarded: s.forwarded,
		rules:     s.rules,
		limiter:   &core.Limiter{Store: store.store, Breaker: store.breaker, Denials: store.denials, Fallback: store.fallback, OnError: s.onError},
	}
	for i := range s.rules {
		r := &s.rules[i]
		if len(r.limits) == 0 {
			announce(ctx, name+": "+r.name+" is unlimited")
		}
		for _, limit := range r.limits {
			announce(ctx, name+": "+limit.String()+", for each "+r.key.text+", counted "+store.where)
			h.dryRuns = h.dryRuns || limit.DryRun
			if limit.Lease.Units > 0 {
				h.limiter.Leases = store.leases
			}
		}
		h.most += len(r.limits)
	}
	if h.most == 0 {
		return next, nil
	}
	if simple(h) {
		h.simple = &h.rules[0]
	}
	if store.lane != nil && usual(h, s.redis == nil) {
		g, err := shareGate(ctx, store.lane, config, name, h.simple)
		if err != nil {
			return nil, err
		}
		return serveInLane(h, store.lane, g), nil
	}
	return h, nil
}
