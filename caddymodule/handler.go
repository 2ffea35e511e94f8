package caddymodule

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/weirproxy/weir/core"
)

// Handler limits the rate of requests.
//
// All limits that match a request are asked in one step: if all allow it, all
// are charged and the request goes on; if one denies it, none is charged and the
// client is told when to come back. A denial is an HTTP error that the site's
// error routes can handle. Where no error route does, the answer is what
// `response` says.
//
// These placeholders are set for each request that a limit matches:
//
// Placeholder | Description
// ------------|------------
// `{http.weir.limit}` | The name of the limit that denied the request or is closest to exhaustion
// `{http.weir.remaining}` | What that limit has left
// `{http.weir.retry_after}` | In how many seconds a denied request would be allowed
// `{http.rate_limit.exceeded.name}` | The name of the limit that denied the request
//
// Each denial emits the event `rate_limit_exceeded` with the data `limit`,
// `zone` (the same), `wait` and `remote_ip`.
type Handler struct {
	Settings

	// The limits. Each request is counted by all that match it.
	Limits []*Limit `json:"limits,omitempty"`

	Compat

	prefix  string
	rules   []*rule
	hits    int  // at most, of one request
	dryRuns bool // whether there are any
	answer  core.Answer
	backend *backend
	tally   tally
	events  *caddyevents.App
	ctx     caddy.Context
	logger  *zap.Logger
}

// CaddyModule implements caddy.Module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.weir", New: func() caddy.Module { return new(Handler) }}
}

// Provision implements caddy.Provisioner.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.ctx, h.logger = ctx, ctx.Logger()
	app, err := loadApp(ctx)
	if err != nil {
		return err
	}
	if h.events, err = loadEvents(ctx); err != nil {
		return err
	}
	settings := h.Settings.over(app.Settings)
	if err := settings.check(); err != nil {
		return err
	}
	if h.answer, err = settings.answer(); err != nil {
		return err
	}
	h.prefix = settings.prefix()
	zones, err := h.zones()
	if err != nil {
		return err
	}
	leased := false
	for _, limit := range slices.Concat(h.Limits, zones) {
		if limit == nil { // null in JSON
			limit = new(Limit)
		}
		rule, err := limit.provision(ctx, h.prefix)
		if err != nil {
			return err
		}
		h.rules = append(h.rules, rule)
		h.hits += len(rule.limits)
		h.dryRuns = h.dryRuns || limit.DryRun
		leased = leased || rule.lease.Units > 0
		if rule.lease.Units > 0 && settings.Redis == nil {
			return fmt.Errorf("limit %s: %w", rule.name, core.LeaseNeedsRedis(rule.lease))
		}
	}
	if h.backend, err = newBackend(settings, caddy.NewReplacer()); err != nil {
		return err
	}
	if leased {
		h.backend.lease()
	}
	if !h.DisableMetrics {
		h.tally = newTally(h.rules)
	}
	if h.SweepInterval > 0 && h.backend.counters != nil {
		go sweep(ctx, h.backend.counters, time.Duration(h.SweepInterval))
	}
	h.Compat.warn(h.logger)
	app.add(h)
	return nil
}

// Validate implements caddy.Validator.
func (h *Handler) Validate() error {
	if h.SweepInterval < 0 {
		return &core.OptionError{Option: "sweep_interval", Value: time.Duration(h.SweepInterval).String(), Want: "a duration of more than 0"}
	}
	if len(h.rules) == 0 {
		return errNoLimit
	}
	return checkNames(h.rules)
}

var errNoLimit = errors.New("no limit: want a rate, such as 100/1m, or limits")

// checkNames finds limits that could not be told apart.
func checkNames(rules []*rule) error {
	var limits []*core.Limit
	for _, rule := range rules {
		limits = append(limits, &core.Limit{Name: rule.name})
		for _, limit := range rule.limits {
			if limit.Name != rule.name {
				limits = append(limits, limit)
			}
		}
	}
	return core.CheckNames(limits)
}

// Cleanup implements caddy.CleanerUpper.
func (h *Handler) Cleanup() error {
	if h.backend == nil {
		return nil
	}
	return h.backend.release()
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	hits := make([]core.Hit, 0, h.hits)
	for _, rule := range h.rules {
		var err error
		if hits, err = rule.hit(hits, r, repl); err != nil {
			return err
		}
	}
	if len(hits) == 0 {
		return next.ServeHTTP(w, r)
	}
	decision := h.backend.Decide(time.Now(), hits)
	h.tally.count(hits, decision)
	if h.dryRuns {
		h.reportDryRuns(r, hits, decision)
	}
	h.answer.SetHeaders(w.Header(), hits, decision, rand.Float64())
	setPlaceholders(repl, w.Header(), hits, decision)
	if !decision.Allowed {
		return h.deny(w, r, repl, hits, decision)
	}
	if !core.Wait(r.Context(), decision.Delay) {
		return caddyhttp.Error(statusClientClosed, fmt.Errorf("the client left while it waited for its turn: %w", r.Context().Err()))
	}
	return next.ServeHTTP(w, r)
}

// statusClientClosed is what access logs show of a client that went away.
const statusClientClosed = 499

func setPlaceholders(repl *caddy.Replacer, header http.Header, hits []core.Hit, d core.Decision) {
	if d.Hit < 0 {
		return
	}
	hit := &hits[d.Hit]
	repl.Set("http.weir.limit", hit.Limit.Name)
	repl.Set("http.weir.remaining", hit.Result.Remaining)
	if !d.Allowed {
		repl.Set("http.weir.retry_after", header.Get("Retry-After"))
		repl.Set("http.rate_limit.exceeded.name", hit.Limit.Name)
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
