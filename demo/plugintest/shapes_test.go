package plugintest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/traefik/paerser/file"
	"github.com/traefik/paerser/parser"
)

// One configuration in each of the shapes in which Traefik's providers give it
// to a plugin.

const shapeYAML = `
headers: [ratelimit, x-ratelimit]
trustedProxies: [192.0.2.0/24, "2001:db8::/32"]
response: {status: 503, contentType: text/plain, body: "slow down, please"}
maxKeys: 5000
limits:
  - name: per-key
    rate: 3/1h, 100/1d
    key: header:X-Api-Key|ip
    match: {methods: [GET, HEAD], paths: ["/api/*", /v2], headers: {X-Plan: [free, trial]}}
    exempt: [198.51.100.1]
  - name: all
    rate: 5/1h
    algorithm: token-bucket
    burst: 20
    cost: 2
    key: global
    dryRun: true
`

const shapeTOML = `
[http.middlewares.limit.plugin.weir]
headers = ["ratelimit", "x-ratelimit"]
trustedProxies = ["192.0.2.0/24", "2001:db8::/32"]
response = { status = 503, contentType = "text/plain", body = "slow down, please" }
maxKeys = 5000
[[http.middlewares.limit.plugin.weir.limits]]
name = "per-key"
rate = "3/1h, 100/1d"
key = "header:X-Api-Key|ip"
match = { methods = ["GET", "HEAD"], paths = ["/api/*", "/v2"], headers = { X-Plan = ["free", "trial"] } }
exempt = ["198.51.100.1"]
[[http.middlewares.limit.plugin.weir.limits]]
name = "all"
rate = "5/1h"
algorithm = "token-bucket"
burst = 20
cost = 2
key = "global"
dryRun = true
`

const shapeLabels = `
traefik.http.middlewares.limit.plugin.weir.headers=ratelimit,x-ratelimit
traefik.http.middlewares.limit.plugin.weir.trustedproxies=192.0.2.0/24, 2001:db8::/32
traefik.http.middlewares.limit.plugin.weir.response.status=503
traefik.http.middlewares.limit.plugin.weir.response.contenttype=text/plain
traefik.http.middlewares.limit.plugin.weir.response.body=slow down, please
traefik.http.middlewares.limit.plugin.weir.maxkeys=5000
traefik.http.middlewares.limit.plugin.weir.limits[0].name=per-key
traefik.http.middlewares.limit.plugin.weir.limits[0].rate=3/1h, 100/1d
traefik.http.middlewares.limit.plugin.weir.limits[0].key=header:X-Api-Key|ip
traefik.http.middlewares.limit.plugin.weir.limits[0].match.methods=GET,HEAD
traefik.http.middlewares.limit.plugin.weir.limits[0].match.paths[0]=/api/*
traefik.http.middlewares.limit.plugin.weir.limits[0].match.paths[1]=/v2
traefik.http.middlewares.limit.plugin.weir.limits[0].match.headers.x-plan=free,trial
traefik.http.middlewares.limit.plugin.weir.limits[0].exempt=198.51.100.1
traefik.http.middlewares.limit.plugin.weir.limits[1].name=all
traefik.http.middlewares.limit.plugin.weir.limits[1].rate=5/1h
traefik.http.middlewares.limit.plugin.weir.limits[1].algorithm=token-bucket
traefik.http.middlewares.limit.plugin.weir.limits[1].burst=20
traefik.http.middlewares.limit.plugin.weir.limits[1].cost=2
traefik.http.middlewares.limit.plugin.weir.limits[1].key=global
traefik.http.middlewares.limit.plugin.weir.limits[1].dryrun=true
`

// A custom resource reaches Traefik as JSON; rates may be a list there too.
const shapeCRD = `{
	"headers": ["ratelimit", "x-ratelimit"],
	"trustedProxies": ["192.0.2.0/24", "2001:db8::/32"],
	"response": {"status": 503, "contentType": "text/plain", "body": "slow down, please"},
	"maxKeys": 5000,
	"limits": [
		{"name": "per-key", "rate": ["3/1h", "100/1d"], "key": "header:X-Api-Key|ip", "exempt": ["198.51.100.1"],
		 "match": {"methods": ["GET", "HEAD"], "paths": ["/api/*", "/v2"], "headers": {"X-Plan": ["free", "trial"]}}},
		{"name": "all", "rate": "5/1h", "algorithm": "token-bucket", "burst": 20, "cost": 2, "key": "global", "dryRun": true}
	]
}`

// configuration is as much of Traefik's dynamic configuration as has plugins.
type configuration struct {
	HTTP struct {
		Middlewares map[string]struct {
			Plugin map[string]pluginConf
		}
	}
}

// pluginConf is a type of its own in Traefik too, and decoded otherwise than a
// plain map.
type pluginConf map[string]any

func fromTOML(t testing.TB, content string) map[string]any {
	t.Helper()
	var c configuration
	if err := file.DecodeContent(content, ".toml", &c); err != nil {
		t.Fatal(err)
	}
	return c.HTTP.Middlewares["limit"].Plugin["weir"]
}

func fromLabels(t testing.TB, lines string) map[string]any {
	t.Helper()
	labels := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		name, value, _ := strings.Cut(line, "=")
		labels[name] = value
	}
	var c configuration
	if err := parser.Decode(labels, &c, "traefik", "traefik.http.middlewares"); err != nil {
		t.Fatal(err)
	}
	return c.HTTP.Middlewares["limit"].Plugin["weir"]
}

func fromJSON(t testing.TB, content string) map[string]any {
	t.Helper()
	var read map[string]any
	if err := json.Unmarshal([]byte(content), &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestShapes(t *testing.T) {
	for shape, options := range map[string]map[string]any{
		"yaml": options(t, shapeYAML), "toml": fromTOML(t, shapeTOML), "labels": fromLabels(t, shapeLabels), "crd": fromJSON(t, shapeCRD),
	} {
		t.Run(shape, func(t *testing.T) {
			bothWays(t, func(t *testing.T, p plugin) {
				options["prefix"] = strings.NewReplacer("/", ":").Replace(t.Name())
				testShape(t, middleware(t, p, options))
			})
		})
	}
}

func testShape(t *testing.T, handler http.Handler) {
	counted := get("http://a/api/x", "X-Plan", "trial", "X-Api-Key", "k", "X-Forwarded-For", "203.0.113.9, 192.0.2.9")
	for i, want := range []string{"2", "1", "0"} {
		answer := send(handler, counted())
		if got := answer.Header().Get("X-RateLimit-Remaining"); answer.Code != http.StatusOK || got != want {
			t.Errorf("request %d: got %d with %s remaining, want %s", i, answer.Code, got, want)
		}
		if got := answer.Header().Get("RateLimit-Policy"); got != `"per-key-1h";q=3;w=3600, "per-key-1d";q=100;w=86400` {
			t.Errorf("RateLimit-Policy: %s", got)
		}
	}
	denied := send(handler, counted())
	if denied.Code != http.StatusServiceUnavailable || denied.Body.String() != "slow down, please" || denied.Header().Get("Content-Type") != "text/plain" {
		t.Errorf("got %d %s %q, want the response configured", denied.Code, denied.Header().Get("Content-Type"), denied.Body)
	}
	for name, r := range map[string]func() *http.Request{
		"another plan":   get("http://a/api/x", "X-Plan", "pro", "X-Api-Key", "k"),
		"another path":   get("http://a/v2/x", "X-Plan", "free", "X-Api-Key", "k"),
		"another key":    get("http://a/v2", "X-Plan", "free", "X-Api-Key", "l"),
		"exempt address": get("http://a/v2", "X-Plan", "free", "X-Api-Key", "k", "X-Forwarded-For", "198.51.100.1"),
	} {
		if answer := send(handler, r()); answer.Code != http.StatusOK {
			t.Errorf("%s: got %d", name, answer.Code)
		}
	}
}

func TestHeadersOff(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		// kubectl reads a bare off as false.
		for _, off := range []any{"off", false, "false"} {
			answer := send(middleware(t, p, map[string]any{"rate": "100/1m", "headers": off}), get("/")())
			if len(answer.Header()) != 0 {
				t.Errorf("headers: %v: got %v", off, answer.Header())
			}
		}
	})
}
