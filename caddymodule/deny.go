package caddymodule

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddyserver/caddy/v2"
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
	h.logger.Info("request denied",
		zap.String("limit", name),
		zap.Stringer("client", clientAddress(r)),
		zap.Duration("retry_after", d.RetryAfter),
		zap.Bool("store_lost", d.Degraded))
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
