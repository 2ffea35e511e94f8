package caddymodule

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func TestOneLine(t *testing.T) {
	s := serve(t, `
LISTEN {
	weir 3/10s
	respond ok
}`)
	first := s.get("/")
	equal(t, "status", first.StatusCode, 200)
	equal(t, "RateLimit", strings.Split(first.Header.Get("RateLimit"), ";t=")[0], `"default";r=2`)
	equal(t, "RateLimit-Policy", first.Header.Get("RateLimit-Policy"), `"default";q=3;w=10`)
	equal(t, "Retry-After", first.Header.Get("Retry-After"), "")
	equal(t, "statuses", s.statuses(2, "/"), "200 200")

	denied := s.get("/")
	equal(t, "status", denied.StatusCode, 429)
	equal(t, "RateLimit", strings.Split(denied.Header.Get("RateLimit"), ";t=")[0], `"default";r=0`)
	equal(t, "Cache-Control", denied.Header.Get("Cache-Control"), "no-store")
	equal(t, "Content-Type", denied.Header.Get("Content-Type"), "application/problem+json")
	if !strings.Contains(denied.text, "quota-exceeded") || !strings.Contains(denied.text, `"violated-policies":["default"]`) {
		t.Errorf("body: %s", denied.text)
	}
	if denied.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestErrorRoutes(t *testing.T) {
	const site = `
LISTEN {
	weir 0/1m
	respond ok
	handle_errors %s {
		respond "{err.status_code} {http.weir.limit} {http.rate_limit.exceeded.name}" 418
	}
}`
	t.Run("of all errors", func(t *testing.T) {
		a := serve(t, strings.Replace(site, "%s", "", 1)).get("/")
		equal(t, "status", a.StatusCode, 418)
		equal(t, "body", a.text, "429 default default")
		equal(t, "Cache-Control", a.Header.Get("Cache-Control"), "no-store")
	})
	t.Run("of this one", func(t *testing.T) {
		equal(t, "status", serve(t, strings.Replace(site, "%s", "4xx", 1)).get("/").StatusCode, 418)
	})
	t.Run("of other errors", func(t *testing.T) {
		a := serve(t, strings.Replace(site, "%s", "404", 1)).get("/")
		equal(t, "status", a.StatusCode, 429)
		equal(t, "Content-Type", a.Header.Get("Content-Type"), "application/problem+json")
	})
}

func TestResponse(t *testing.T) {
	s := serve(t, `
LISTEN {
	weir 1/1h {
		response {
			status 503
			content_type application/json
			body `+"`"+`{"limit": "{http.weir.limit}", "left": {http.weir.remaining}}`+"`"+`
		}
	}
	respond ok
}`)
	equal(t, "statuses", s.statuses(1, "/"), "200")
	a := s.get("/")
	equal(t, "status", a.StatusCode, 503)
	equal(t, "Content-Type", a.Header.Get("Content-Type"), "application/json")
	equal(t, "body", a.text, `{"limit": "default", "left": 0}`)
}

// TestAllOrNone: a limit that denies leaves the others uncharged, whatever order
// they stand in.
func TestAllOrNone(t *testing.T) {
	for _, order := range []string{"wide narrow", "narrow wide"} {
		t.Run(order, func(t *testing.T) {
			limits := map[string]string{
				"wide":   "limit wide {\n\t\t\tkey everybody\n\t\t\trate 5/1h\n\t\t}\n",
				"narrow": "limit narrow {\n\t\t\tkey {header.User}\n\t\t\trate 2/1h\n\t\t}\n",
			}
			text := "LISTEN {\n\tweir {\n"
			for _, name := range strings.Fields(order) {
				text += limits[name]
			}
			s := serve(t, text+"\t}\n\trespond ok\n}")
			equal(t, "one user", s.statuses(6, "/", "User", "a"), "200 200 429 429 429 429")
			equal(t, "the next", s.statuses(3, "/", "User", "b"), "200 200 429")
			a := s.get("/", "User", "c")
			equal(t, "the last of all", a.StatusCode, 200)
			equal(t, "policies", len(strings.Split(a.Header.Get("RateLimit-Policy"), ", ")), 2)
			equal(t, "one too many", s.get("/", "User", "d").Header.Get("RateLimit")[:10], `"wide";r=0`)
		})
	}
}

func TestMatch(t *testing.T) {
	s := serve(t, `
LISTEN {
	@write method POST PUT
	weir {
		limit api {
			match {
				path /api/*
			}
			rate 1/1h
		}
		limit write {
			match @write
			match /upload
			rate 0/1h
		}
	}
	respond ok
}`)
	equal(t, "unmatched", s.statuses(3, "/"), "200 200 200")
	equal(t, "unmatched headers", s.get("/").Header.Get("RateLimit"), "")
	equal(t, "path", s.statuses(2, "/api/a"), "200 429")
	equal(t, "named matcher", s.do("POST", "/").StatusCode, 429)
	equal(t, "path matcher", s.get("/upload").StatusCode, 429)
}

func TestMatcherInFront(t *testing.T) {
	s := serve(t, `
LISTEN {
	weir /api/* 1/1h
	respond ok
}`)
	equal(t, "matched", s.statuses(2, "/api/a"), "200 429")
	equal(t, "unmatched", s.statuses(2, "/"), "200 200")
}

func TestExempt(t *testing.T) {
	s := serve(t, `
LISTEN {
	weir {
		rate 0/1h
		exempt 127.0.0.0/8
	}
	respond ok
}`)
	equal(t, "statuses", s.statuses(2, "/"), "200 200")
}

func TestDryRun(t *testing.T) {
	s := serve(t, `
LISTEN {
	weir {
		rate 1/1h
		dry_run
	}
	respond ok
}`)
	equal(t, "statuses", s.statuses(3, "/"), "200 200 200")
	equal(t, "headers", s.get("/").Header.Get("RateLimit"), "")
	if got := logLines("request would be denied: dry run", `"limit":"default"`, `"client":"127.0.0.1"`); len(got) != 3 {
		t.Errorf("logged %q", got)
	}
}

func TestTrustedProxies(t *testing.T) {
	s := serve(t, `{
	servers {
		trusted_proxies static 127.0.0.1/8
	}
}
LISTEN {
	weir 1/1h
	respond ok
}`)
	equal(t, "one client", s.statuses(2, "/", "X-Forwarded-For", "203.0.113.1"), "200 429")
	equal(t, "another", s.statuses(2, "/", "X-Forwarded-For", "203.0.113.2"), "200 429")
}

func TestCostOfRequests(t *testing.T) {
	s := serve(t, `
LISTEN {
	weir {
		rate 10/1h
		cost {header.Cost}
	}
	respond ok
}`)
	equal(t, "costs", s.statuses(2, "/", "Cost", "6"), "200 429")
	equal(t, "what is left", s.statuses(1, "/", "Cost", "4"), "200")
	never := s.get("/", "Cost", "11")
	equal(t, "too much for ever", never.StatusCode, 429)
	equal(t, "Retry-After", never.Header.Get("Retry-After"), "")
}

// TestWaiting: a leaky bucket lets requests leave one by one.
func TestWaiting(t *testing.T) {
	s := serve(t, `
LISTEN {
	weir {
		rate 10/1s
		algorithm leaky-bucket
		burst 2
	}
	respond ok
}`)
	start := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	counts := map[int]int{}
	for range 5 {
		all.Go(func() {
			status := s.get("/").StatusCode
			mu.Lock()
			defer mu.Unlock()
			counts[status]++
		})
	}
	all.Wait()
	// A slow machine may let a turn pass before it asks for the last.
	if counts[200] < 3 || counts[200]+counts[429] != 5 {
		t.Errorf("got %v, want 200 for one at once and two that wait", counts)
	}
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("took %s, want the third to have waited for 200ms", took)
	}
}

// TestClientLeaves: a client that goes away while it waits is no error of the
// server's.
func TestClientLeaves(t *testing.T) {
	s := serve(t, `
LISTEN {
	log {
		output weir_test
	}
	weir {
		rate 1/1h
		algorithm leaky-bucket
		burst 5
	}
	respond ok
}`)
	s.get("/")
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		waitFor(t, "the request is counted", func() bool {
			targets, err := findTargets("default")
			if err != nil {
				return false
			}
			state, err := targets[0].apply(func(target, string) error { return nil }, "127.0.0.1", false)
			return err == nil && state.Remaining == 4
		})
		cancel()
	}()
	if _, err := http.DefaultTransport.RoundTrip(r); err == nil {
		t.Fatal("the request was answered")
	}
	waitFor(t, "the access log has a 499", func() bool { return len(logLines(`"status":499`)) > 0 })
}

func TestHeaders(t *testing.T) {
	for setting, want := range map[string]string{
		"":                              "RateLimit RateLimit-Policy",
		"headers off":                   "",
		"headers x-ratelimit":           "X-RateLimit-Limit X-RateLimit-Remaining X-RateLimit-Reset",
		"headers ratelimit x-ratelimit": "RateLimit RateLimit-Policy X-RateLimit-Limit X-RateLimit-Remaining X-RateLimit-Reset",
	} {
		t.Run(setting, func(t *testing.T) {
			s := serve(t, "LISTEN {\n\tweir {\n\t\trate 1/1h\n\t\t"+setting+"\n\t}\n\trespond ok\n}")
			for _, status := range []int{200, 429} {
				a := s.get("/")
				equal(t, "status", a.StatusCode, status)
				var got []string
				for _, name := range []string{"RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
					if a.Header.Get(name) != "" {
						got = append(got, name)
					}
				}
				equal(t, "headers", strings.Join(got, " "), want)
				equal(t, "Retry-After", a.Header.Get("Retry-After") != "", status == 429)
			}
		})
	}
}

// TestJSON: what a Caddyfile says and what JSON says give the same answers.
func TestJSON(t *testing.T) {
	s := serve(t, `
LISTEN {
	weir {
		limit a {
			rate 2/1h
			cost 2
			algorithm token-bucket
			burst 4
		}
	}
	respond ok
}`)
	want := s.statuses(3, "/")
	port := strings.TrimPrefix(s.url, "http://")
	if err := caddy.Load([]byte(`{"admin": {"disabled": true}, "apps": {"http": {"servers": {"a": {"listen": ["`+port+`"], "routes": [{"handle": [
		{"handler": "weir", "limits": [{"name": "b", "rate": "2/1h", "cost": 2, "algorithm": "token-bucket", "burst": 4}]},
		{"handler": "static_response", "body": "ok"}]}]}}}}}`), true); err != nil {
		t.Fatal(err)
	}
	equal(t, "statuses", s.statuses(3, "/"), want)
	equal(t, "the same", want, "200 200 429")
}
