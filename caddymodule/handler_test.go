package caddymodule

import (
	"strings"
	"testing"
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
