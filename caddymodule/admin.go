package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/weirproxy/weir/core"
)

func init() { caddy.RegisterModule(AdminAPI{}) }

// AdminAPI shows limits and the state of who they count, and changes it. What it
// changes in a Redis is changed for every proxy on that Redis.
//
//	GET    /weir/limits                    all limits
//	GET    /weir/limits/<name>             the limits of that name
//	GET    /weir/limits/<name>/<identity>  the identity's state under them
//	DELETE /weir/limits/<name>/<identity>  makes it whole again, and unblocks it
//	POST   /weir/limits/<name>/<identity>  blocks it: {"block": "10m"}
//
// The identity is what the limit's key comes out as: an address, an API key.
// With ?stored=true it is what stands in the store, such as a hash found there.
type AdminAPI struct{}

// CaddyModule implements caddy.Module.
func (AdminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.weir", New: func() caddy.Module { return new(AdminAPI) }}
}

const limitsPath = "/weir/limits"

// Routes implements caddy.AdminRouter.
func (a AdminAPI) Routes() []caddy.AdminRoute {
	handler := caddy.AdminHandlerFunc(a.serve)
	return []caddy.AdminRoute{{Pattern: limitsPath, Handler: handler}, {Pattern: limitsPath + "/", Handler: handler}}
}

// LimitInfo is what the admin API says of a limit.
type LimitInfo struct {
	Name        string `json:"name"`
	Rate        string `json:"rate"`
	Algorithm   string `json:"algorithm"`
	Burst       int64  `json:"burst,omitempty"`
	Key         string `json:"key"`
	DryRun      bool   `json:"dry_run,omitempty"`
	Prefix      string `json:"prefix"`
	Store       string `json:"store"`
	Lost        bool   `json:"lost,omitempty"`
	Description string `json:"description"`
}

// State is what the admin API says of an identity under a limit. Times are in
// seconds.
type State struct {
	Limit    string `json:"limit"`
	Identity string `json:"identity"`
	Key      string `json:"key"`
	Store    string `json:"store"`

	// Allowed says whether a request of cost 1 would pass now.
	Allowed   bool  `json:"allowed"`
	Remaining int64 `json:"remaining"`

	// RetryAfter is when one would pass, 0 where it would now, -1 where none
	// ever will.
	RetryAfter float64 `json:"retry_after"`

	// Full is when the limit is whole again.
	Full float64 `json:"full"`
}

func (AdminAPI) serve(w http.ResponseWriter, r *http.Request) error {
	name, identity, err := splitPath(r.URL)
	if err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	targets, err := findTargets(name)
	if err != nil {
		return apiError(http.StatusNotFound, err)
	}
	if identity == "" {
		if r.Method != http.MethodGet {
			return methodNotAllowed(w, "GET")
		}
		infos := []LimitInfo{}
		for _, t := range targets {
			infos = append(infos, t.info())
		}
		return reply(w, infos)
	}
	stored := r.URL.Query().Get("stored") == "true"
	change, err := readChange(r)
	if err != nil {
		return err
	}
	if change == nil {
		return methodNotAllowed(w, "GET, DELETE, POST")
	}
	states := []State{}
	for _, t := range targets {
		state, err := t.apply(change, identity, stored)
		if err != nil {
			return err
		}
		states = append(states, state)
	}
	return reply(w, states)
}

// splitPath finds the parts that are still escaped: an identity may have any
// character in it.
func splitPath(u *url.URL) (name, identity string, err error) {
	rest := strings.Trim(strings.TrimPrefix(u.EscapedPath(), limitsPath), "/")
	name, identity, _ = strings.Cut(rest, "/")
	if name, err = url.PathUnescape(name); err != nil {
		return "", "", err
	}
	identity, err = url.PathUnescape(identity)
	return name, identity, err
}

// change is what a request wants done to an identity before it sees the state.
type change func(t target, identity string) error

func readChange(r *http.Request) (change, error) {
	switch r.Method {
	case http.MethodGet:
		return func(target, string) error { return nil }, nil
	case http.MethodDelete:
		return func(t target, identity string) error { return t.handler.backend.Reset(t.limit, identity) }, nil
	case http.MethodPost:
		var body struct {
			Block string `json:"block"`
		}
		decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<10))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&body); err != nil {
			return nil, apiError(http.StatusBadRequest, fmt.Errorf(`%w: want {"block": "10m"}`, err))
		}
		length, err := core.ParseDuration("block", body.Block)
		if err == nil && (length < time.Millisecond || length > core.MaxWindow) {
			err = &core.OptionError{Option: "block", Value: body.Block, Want: "a duration from 1ms to 366d"}
		}
		if err != nil {
			return nil, apiError(http.StatusBadRequest, err)
		}
		return func(t target, identity string) error {
			return t.handler.backend.Block(time.Now(), t.limit, identity, length)
		}, nil
	}
	return nil, nil
}

// target is a limit of a handler that is running.
type target struct {
	handler *Handler
	rule    *rule
	limit   *core.Limit
}

// findTargets finds the limits of a name, or those that a rule with several
// rates has made; "" is all. Limits that share their counters are found once.
func findTargets(name string) ([]target, error) {
	var targets []target
	var known []string
	type counters struct{ store, scope, rate string }
	seen := map[counters]bool{}
	if app := current(); app != nil {
		app.each(func(h *Handler, rule *rule, limit *core.Limit) {
			known = append(known, limit.Name)
			c := counters{h.backend.name, limit.Scope, limit.Rate.String()}
			if name != "" && limit.Name != name && rule.name != name || seen[c] {
				return
			}
			seen[c] = true
			targets = append(targets, target{h, rule, limit})
		})
	}
	if name != "" && len(targets) == 0 {
		if len(known) == 0 {
			return nil, fmt.Errorf("limit %q: there are no limits in the configuration", name)
		}
		return nil, core.UnknownOption("limit: ", name, known)
	}
	return targets, nil
}

func (t target) info() LimitInfo {
	b := t.handler.backend
	return LimitInfo{
		Name: t.limit.Name, Rate: t.limit.Rate.String(), Algorithm: t.limit.Algorithm.String(), Burst: t.limit.Burst,
		Key: t.rule.key.source, DryRun: t.limit.DryRun, Prefix: t.handler.prefix,
		Store: b.name, Lost: b.Breaker != nil && b.Breaker.Open(), Description: t.limit.String(),
	}
}

// apply makes the change and looks at the state that it left.
func (t target) apply(change change, identity string, stored bool) (State, error) {
	if !stored {
		var err error
		if identity, err = t.rule.key.identify(identity); err != nil {
			return State{}, apiError(http.StatusBadRequest, fmt.Errorf("limit %s: %w", t.limit.Name, err))
		}
	}
	hits := []core.Hit{{Limit: t.limit, Identity: identity, Cost: 1}}
	err := change(t, identity)
	if err == nil {
		err = t.handler.backend.Store.Peek(time.Now(), hits)
	}
	if err != nil {
		return State{}, apiError(http.StatusServiceUnavailable, fmt.Errorf("store %s: %w", t.handler.backend.name, err))
	}
	result := &hits[0].Result
	state := State{
		Limit: t.limit.Name, Identity: identity, Key: core.Key(t.limit, identity), Store: t.handler.backend.name,
		Allowed: result.Allowed, Remaining: result.Remaining,
		RetryAfter: result.RetryAfter.Seconds(), Full: result.Full.Seconds(),
	}
	if result.RetryAfter == core.Never {
		state.RetryAfter = -1
	}
	return state, nil
}

func apiError(status int, err error) error { return caddy.APIError{HTTPStatus: status, Err: err} }

func methodNotAllowed(w http.ResponseWriter, allow string) error {
	w.Header().Set("Allow", allow)
	return apiError(http.StatusMethodNotAllowed, errors.New("method not allowed: want "+allow))
}

func reply(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(value)
}

// Interface guards
var _ caddy.AdminRouter = AdminAPI{}
