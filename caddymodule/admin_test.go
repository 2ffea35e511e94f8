package caddymodule

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/weirproxy/weir/core"
)

const administered = `
LISTEN {
	weir {
		limit per-client {
			rate 2/1h
		}
		limit per-key {
			match /keys
			key {header.X-Api-Key}
			rate 1/1h, 3/1d
			dry_run
		}
	}
	respond ok
}`

// admin calls the admin API.
func admin[T any](t *testing.T, method, path, body string) (result T, err error) {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if err := (AdminAPI{}).serve(w, r); err != nil {
		return result, err
	}
	if err := json.Unmarshal(w.Body.Bytes(), &result); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return result, nil
}

func TestAdminLimits(t *testing.T) {
	serve(t, administered)
	all, err := admin[[]LimitInfo](t, "GET", "/weir/limits", "")
	if err != nil || len(all) != 3 {
		t.Fatalf("got %v, %v, want three limits", all, err)
	}
	equal(t, "the first", all[0], LimitInfo{
		Name: "per-client", Rate: "2/1h", Algorithm: "sliding-window", Key: "{client_ip}", Prefix: "weir", Store: "memory",
		Description: "limit per-client: 2 in any 1h (sliding-window)",
	})
	equal(t, "the last", all[2].Name, "per-key-1d")
	one, err := admin[[]LimitInfo](t, "GET", "/weir/limits/per-key-1h/", "")
	if err != nil || len(one) != 1 || !one[0].DryRun {
		t.Errorf("got %v, %v, want one dry run", one, err)
	}
}

func TestAdminState(t *testing.T) {
	s := serve(t, administered)
	const path = "/weir/limits/per-client/127.0.0.1"
	state := func(method, body string) State {
		t.Helper()
		states, err := admin[[]State](t, method, path, body)
		if err != nil || len(states) != 1 {
			t.Fatalf("got %v, %v, want one state", states, err)
		}
		return states[0]
	}
	equal(t, "unseen", state("GET", ""), State{
		Limit: "per-client", Identity: "127.0.0.1", Key: "weir:{per-client:127.0.0.1}:sw", Store: "memory", Allowed: true, Remaining: 2,
	})
	equal(t, "statuses", s.statuses(3, "/"), "200 200 429")
	full := state("GET", "")
	if full.Allowed || full.Remaining != 0 || full.RetryAfter <= 0 || full.Full < full.RetryAfter {
		t.Errorf("exhausted: %+v", full)
	}
	equal(t, "reset", state("DELETE", "").Remaining, 2)
	equal(t, "after a reset", s.statuses(1, "/"), "200")
	blocked := state("POST", `{"block": "10m"}`)
	if blocked.Allowed || blocked.RetryAfter < 599 || blocked.RetryAfter > 600 {
		t.Errorf("blocked: %+v", blocked)
	}
	denied := s.get("/")
	equal(t, "while blocked", denied.StatusCode, 429)
	equal(t, "Retry-After", denied.Header.Get("Retry-After"), "600")
	state("DELETE", "")
	equal(t, "after the second reset", s.statuses(2, "/"), "200 200")
}

// TestAdminSeveral: the name of a limit with several rates is all of them.
func TestAdminSeveral(t *testing.T) {
	s := serve(t, administered)
	s.get("/keys", "X-Api-Key", "a/b c%")
	states, err := admin[[]State](t, "GET", "/weir/limits/per-key/a%2Fb%20c%25", "")
	if err != nil || len(states) != 2 {
		t.Fatalf("got %v, %v, want two states", states, err)
	}
	equal(t, "the first", states[0].Remaining, 0)
	equal(t, "the second", states[1].Remaining, 2)
	equal(t, "identity", states[0].Identity, core.HashIdentity("a/b c%"))
	stored, err := admin[[]State](t, "GET", "/weir/limits/per-key-1h/"+states[0].Identity+"?stored=true", "")
	if err != nil || len(stored) != 1 || stored[0].Key != states[0].Key {
		t.Errorf("got %v, %v, want the same key", stored, err)
	}
}

func TestAdminMistakes(t *testing.T) {
	serve(t, administered)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"fail/unknown-limit":   {"GET", "/weir/limits/per-clint", "", 404, `limit: unknown option: "per-clint": want per-client`},
		"fail/no-address":      {"GET", "/weir/limits/per-client/bob", "", 400, `limit per-client: identity: "bob": want an address`},
		"fail/method":          {"PUT", "/weir/limits/per-client/127.0.0.1", "", 405, "want GET, DELETE, POST"},
		"fail/method-on-limit": {"DELETE", "/weir/limits/per-client", "", 405, "want GET"},
		"fail/body":            {"POST", "/weir/limits/per-client/127.0.0.1", "10m", 400, `want {"block": "10m"}`},
		"fail/body-field":      {"POST", "/weir/limits/per-client/127.0.0.1", `{"blok": "10m"}`, 400, `blok`},
		"fail/duration":        {"POST", "/weir/limits/per-client/127.0.0.1", `{"block": "soon"}`, 400, `block: "soon": want a duration`},
		"fail/no-duration":     {"POST", "/weir/limits/per-client/127.0.0.1", `{"block": "0s"}`, 400, `block: "0s": want a duration from 1ms to 366d`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := admin[any](t, test.method, test.path, test.body)
			wantError(t, err, test.want)
			var apiError caddy.APIError
			if !errors.As(err, &apiError) || apiError.HTTPStatus != test.status {
				t.Errorf("got %#v, want status %d", err, test.status)
			}
		})
	}
}

func TestAdminStoreLost(t *testing.T) {
	serve(t, "LISTEN {\n\tweir 1/1h {\n\t\tredis 127.0.0.1:1\n\t}\n\trespond ok\n}")
	_, err := admin[any](t, "GET", "/weir/limits/default/127.0.0.1", "")
	var apiError caddy.APIError
	if !errors.As(err, &apiError) || apiError.HTTPStatus != http.StatusServiceUnavailable {
		t.Errorf("got %v, want status 503", err)
	}
	wantError(t, err, "store 127.0.0.1:1")
}

func TestAdminWithoutLimits(t *testing.T) {
	_, err := admin[any](t, "GET", "/weir/limits/a", "")
	wantError(t, err, `limit "a": there are no limits in the configuration`)
	all, err := admin[[]LimitInfo](t, "GET", "/weir/limits", "")
	if err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
}
