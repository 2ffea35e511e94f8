package caddymodule

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/weirproxy/weir/core"
)

// deny answers a request that is not allowed, its header fields being set: with
// an error where the site has a route for it, in full otherwise.
func (h *Handler) deny(w http.ResponseWriter, r *http.Request, repl *caddy.Replacer, hits []core.Hit, d core.Decision) error {
	name := ""
	if d.Hit >= 0 {
		name = hits[d.Hit].Limit.Name
	}
	h.report(r, repl, hits, d)
	status := h.answer.StatusCode(d)
	denied := caddyhttp.Error(status, errors.New(reason(name, d)))
	if hasErrorRoute(r, denied) {
		return denied
	}
	contentType, body := h.answer.Content(hits, d)
	if body == h.answer.Body {
		body = repl.ReplaceKnown(body, "")
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// The client may be gone; nothing is left to tell it.
	_, _ = w.Write([]byte(body))
	return nil
}

// report logs a denial and emits its event.
func (h *Handler) report(r *http.Request, repl *caddy.Replacer, hits []core.Hit, d core.Decision) {
	fields := []zap.Field{zap.Stringer("client", clientAddress(r)), zap.Bool("store_lost", d.Degraded)}
	name := ""
	if d.Hit >= 0 {
		name = hits[d.Hit].Limit.Name
		fields = append(fields, zap.String("limit", name))
		if h.LogKey {
			fields = append(fields, zap.String("key", h.keyOf(hits[d.Hit].Limit, r, repl)))
		}
	}
	if d.RetryAfter != core.Never {
		fields = append(fields, zap.Duration("retry_after", d.RetryAfter))
	}
	h.logger.Info("request denied", fields...)
	if h.events.ShouldEmit(eventExceeded) {
		peer, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			peer = r.RemoteAddr
		}
		h.events.Emit(h.ctx, eventExceeded, map[string]any{
			"limit": name, "zone": name, "wait": max(d.RetryAfter, 0), "remote_ip": peer,
		})
	}
}

// reportDryRuns logs what dry runs would have denied.
func (h *Handler) reportDryRuns(r *http.Request, hits []core.Hit, d core.Decision) {
	for i := range hits {
		if outcomeOf(&hits[i], d) == wouldDeny {
			h.logger.Info("request would be denied: dry run",
				zap.Stringer("client", clientAddress(r)), zap.String("limit", hits[i].Limit.Name))
		}
	}
}

const eventExceeded = "rate_limit_exceeded"

func loadEvents(ctx caddy.Context) (*caddyevents.App, error) {
	module, err := ctx.App("events")
	if err != nil {
		return nil, err
	}
	app, ok := module.(*caddyevents.App)
	if !ok {
		return nil, fmt.Errorf("the app events is a %T", module)
	}
	return app, nil
}

// keyOf is what the limit's key came out as, in clear.
func (h *Handler) keyOf(limit *core.Limit, r *http.Request, repl *caddy.Replacer) string {
	for _, rule := range h.rules {
		if slices.Contains(rule.limits, limit) {
			if text := rule.key.expand(repl); text != "" {
				return text
			}
			return rule.key.source
		}
	}
	return ""
}

func reason(limit string, d core.Decision) string {
	if d.Unavailable {
		return "the rate limiter's store does not answer"
	}
	return "rate limit " + limit + " exceeded"
}

// hasErrorRoute reports whether the server would hand the error to an error
// route, rather than answer with an empty body.
func hasErrorRoute(r *http.Request, err error) bool {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || server.Errors == nil || len(server.Errors.Routes) == 0 {
		return false
	}
	// The server shows error routes the request as it came.
	request := server.Errors.WithError(r, err)
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		shown := *request
		shown.Method, shown.RequestURI, shown.RemoteAddr = original.Method, original.RequestURI, original.RemoteAddr
		shown.URL = new(url.URL)
		*shown.URL = *original.URL
		request = &shown
	}
	return anyRouteMatches(server.Errors.Routes, request)
}

// anyRouteMatches looks into subroutes too: a Caddyfile puts the error routes of
// each site, and each list of statuses, into one.
func anyRouteMatches(routes caddyhttp.RouteList, r *http.Request) bool {
	for _, route := range routes {
		// A matcher that fails makes the route fail, which is an answer as well.
		if matched, err := route.MatcherSets.AnyMatchWithError(r); err == nil && !matched {
			continue
		}
		for _, handler := range route.Handlers {
			subroute, ok := handler.(*caddyhttp.Subroute)
			if !ok || anyRouteMatches(subroute.Routes, r) {
				return true
			}
		}
	}
	return false
}
