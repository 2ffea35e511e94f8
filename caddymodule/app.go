// Package caddymodule limits the rate of requests in Caddy, in the memory of one
// Caddy or in a Redis that any number of proxies share.
package caddymodule

import (
	"fmt"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/weirproxy/weir/core"
)

func init() {
	caddy.RegisterModule(new(App))
	caddy.RegisterModule(new(Handler))
}

// App holds what all rate limit handlers below have in common: whatever a
// handler does not say, it takes from here.
type App struct {
	Settings

	logger *zap.Logger

	mu       sync.Mutex
	handlers []*Handler
}

// CaddyModule implements caddy.Module.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "weir", New: func() caddy.Module { return new(App) }}
}

// Provision implements caddy.Provisioner.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	return registerMetrics(ctx.GetMetricsRegistry())
}

// Validate implements caddy.Validator.
func (a *App) Validate() error { return a.check() }

// Start implements caddy.App. It says in the log what each limit does, once for
// all handlers that have it, and has the stores connected to: what is only
// validated is never started.
func (a *App) Start() error {
	type counters struct{ store, scope string }
	seen := map[counters]string{}
	a.each(func(h *Handler, _ *rule, limit *core.Limit) {
		says, key := limit.String(), counters{h.backend.name, limit.Scope}
		first, known := seen[key]
		if known && first == says {
			return
		}
		seen[key] = says
		a.logger.Info(says, zap.String("store", h.backend.name))
		if known {
			// Most often two one-line forms.
			a.logger.Warn("two limits of one name share their counters; give each a name of its own",
				zap.String("one", first), zap.String("other", says))
		}
	})
	for _, h := range a.list() {
		h.backend.warm()
		for _, rule := range h.rules {
			if len(rule.limits) == 0 {
				a.logger.Info("limit " + rule.name + ": unlimited")
			}
		}
	}
	a.started()
	return nil
}

// Stop implements caddy.App.
func (a *App) Stop() error {
	a.stopped()
	return nil
}

// Cleanup implements caddy.CleanerUpper.
func (a *App) Cleanup() error {
	forgetMetrics(a)
	return nil
}

func (a *App) add(h *Handler) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handlers = append(a.handlers, h)
}

// list returns the handlers of this configuration in the order in which they
// were provisioned.
func (a *App) list() []*Handler {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.handlers)
}

// each calls f with each limit of each handler.
func (a *App) each(f func(*Handler, *rule, *core.Limit)) {
	for _, h := range a.list() {
		for _, rule := range h.rules {
			for _, limit := range rule.limits {
				f(h, rule, limit)
			}
		}
	}
}

func loadApp(ctx caddy.Context) (*App, error) {
	module, err := ctx.App("weir")
	if err != nil {
		return nil, err
	}
	app, ok := module.(*App)
	if !ok {
		return nil, fmt.Errorf("the app weir is a %T", module)
	}
	return app, nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.Validator    = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
