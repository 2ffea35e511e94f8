package dropin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "weir-dropin-")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_DATA_HOME", dir)
	os.Setenv("XDG_CONFIG_HOME", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// run loads a file of testdata, with the port of which stands for :80 there,
// and returns a function that requests a path.
func run(t *testing.T, file string, replacements ...string) func(method, path string, header ...string) *http.Response {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	port := address[strings.LastIndex(address, ":"):]
	config := []byte(strings.NewReplacer(replacements...).Replace(string(text)))
	if filepath.Ext(file) != ".json" {
		if config, _, err = caddyconfig.GetAdapter("caddyfile").Adapt(config, nil); err != nil {
			t.Fatal(err)
		}
	}
	var document map[string]any
	if err := json.Unmarshal(bytes.ReplaceAll(config, []byte(`":80"`), []byte(`"`+port+`"`)), &document); err != nil {
		t.Fatal(err)
	}
	document["admin"] = map[string]any{"disabled": true}
	document["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"writer": map[string]any{"output": "dropin_test"}}}}
	if config, err = json.Marshal(document); err != nil {
		t.Fatal(err)
	}
	logged.Lock()
	logged.text.Reset()
	logged.Unlock()
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return func(method, path string, header ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequest(method, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Add(header[i], header[i+1])
		}
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		response.Body = io.NopCloser(bytes.NewReader(body))
		return response
	}
}

func statuses(n int, request func() *http.Response) string {
	var all []string
	for range n {
		all = append(all, fmt.Sprint(request().StatusCode))
	}
	return strings.Join(all, " ")
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func init() {
	caddy.RegisterModule(testLog{})
	caddy.RegisterModule(testSubscriber{})
}

type testLog struct{}

var logged struct {
	sync.Mutex
	text bytes.Buffer
}

func (testLog) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.writers.dropin_test", New: func() caddy.Module { return testLog{} }}
}
func (testLog) String() string                      { return "dropin_test" }
func (testLog) WriterKey() string                   { return "dropin_test" }
func (testLog) OpenWriter() (io.WriteCloser, error) { return testLog{}, nil }
func (testLog) Close() error                        { return nil }
func (testLog) Write(p []byte) (int, error) {
	logged.Lock()
	defer logged.Unlock()
	return logged.text.Write(p)
}

func wasLogged(words ...string) bool {
	logged.Lock()
	defer logged.Unlock()
	for line := range strings.Lines(logged.text.String()) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			return true
		}
	}
	return false
}

type testSubscriber struct{}

var zones []any

func (testSubscriber) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.dropin_test", New: func() caddy.Module { return testSubscriber{} }}
}
func (testSubscriber) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }
func (testSubscriber) Handle(_ context.Context, event caddy.Event) error {
	zones = append(zones, event.Data["zone"])
	return nil
}

// TestExamples runs configurations as mholt/caddy-ratelimit documents them: two
// requests in 5 seconds from each client, 100 GETs in a minute from all.
func TestExamples(t *testing.T) {
	for _, file := range []string{"example.Caddyfile", "example.json"} {
		t.Run(file, func(t *testing.T) {
			request := run(t, file)
			first := request("GET", "/")
			body, _ := io.ReadAll(first.Body)
			equal(t, "body", string(body), "I'm behind the rate limiter!")
			equal(t, "statuses", statuses(2, func() *http.Response { return request("GET", "/") }), "200 429")
			denied := request("GET", "/")
			if after := denied.Header.Get("Retry-After"); after == "" || after > "5" {
				t.Errorf("Retry-After: got %q, want 1 to 5", after)
			}
			equal(t, "the zone asked", strings.Contains(denied.Header.Get("RateLimit"), "dynamic_example"), true)
			if !wasLogged("warn", "distributed has no effect", "redis") {
				t.Error("no warning about distributed")
			}
		})
	}
}

// TestEveryOption runs all that its Caddyfile knows, with its placeholder and
// its event.
func TestEveryOption(t *testing.T) {
	request := run(t, "every_option.Caddyfile", "STORAGE", t.TempDir())
	zones = nil
	get := func() *http.Response { return request("GET", "/", "X-Api-Key", "k") }
	equal(t, "statuses", statuses(3, get), "200 200 418")
	body, _ := io.ReadAll(get().Body)
	equal(t, "body", string(body), "zone by-key of 429")
	equal(t, "events", fmt.Sprint(zones), "[by-key by-key]")
	equal(t, "other methods", statuses(3, func() *http.Response { return request("PUT", "/", "X-Api-Key", "k") }), "200 200 200")
	if !wasLogged("request denied", `"key":"k"`) {
		t.Error("log_key: the key is not in the log")
	}
	if !wasLogged("storage has no effect", "redis") {
		t.Error("no warning about storage")
	}
}

// TestSideBySide: a zone and the same limit in weir's own words give the same
// answers.
func TestSideBySide(t *testing.T) {
	request := run(t, "side_by_side.Caddyfile")
	for i := range 30 {
		user := fmt.Sprint(i % 7)
		zone, limit := request("GET", "/zone", "User", user), request("GET", "/limit", "User", user)
		equal(t, "status", zone.StatusCode, limit.StatusCode)
		for _, name := range []string{"RateLimit-Policy", "Content-Type", "Cache-Control"} {
			equal(t, name, strings.ReplaceAll(zone.Header.Get(name), "by-zone", "by-limit"), limit.Header.Get(name))
		}
	}
}

// What follows is wrong in mholt/caddy-ratelimit.

// TestTightestZone: a zone that denies leaves the others uncharged, and so a
// client that is held up by one does not use up what all share.
func TestTightestZone(t *testing.T) {
	request := run(t, "two_zones.Caddyfile")
	flood := statuses(10, func() *http.Response { return request("GET", "/", "User", "flooder") })
	equal(t, "the flooder", flood, "200"+strings.Repeat(" 429", 9))
	equal(t, "all others", statuses(2, func() *http.Response { return request("GET", "/", "User", "other") }), "200 429")
	equal(t, "the last", statuses(1, func() *http.Response { return request("GET", "/", "User", "third") }), "200")
}

// TestNoEvents: a zone of no events denies everything, in JSON as well.
func TestNoEvents(t *testing.T) {
	request := run(t, "no_events.json")
	equal(t, "statuses", statuses(3, func() *http.Response { return request("GET", "/") }), "429 429 429")
}

// TestLargeZone: what a client costs does not grow with the number of events.
func TestLargeZone(t *testing.T) {
	request := run(t, "large.Caddyfile")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const clients = 200
	for i := range clients {
		if status := request("GET", "/", "User", fmt.Sprint(i)).StatusCode; status != 200 {
			t.Fatalf("status %d", status)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > clients*20_000 {
		t.Errorf("%d bytes for %d clients", grown, clients)
	}
}

// TestEmptyKey: who leaves a header out is counted by address, not together with
// all others who do.
func TestEmptyKey(t *testing.T) {
	request := run(t, "empty_key.Caddyfile")
	from := func(client string) string {
		return statuses(2, func() *http.Response { return request("GET", "/", "X-Forwarded-For", client) })
	}
	equal(t, "one client", from("203.0.113.1"), "200 429")
	equal(t, "another", from("203.0.113.2"), "200 429")
}

// TestMetricsWithoutKeys: no label has what a client sent.
func TestMetricsWithoutKeys(t *testing.T) {
	request := run(t, "empty_key.Caddyfile")
	request("GET", "/", "X-Api-Key", "s3cr3t-key")
	body, _ := io.ReadAll(request("GET", "/metrics").Body)
	equal(t, "the limit is there", strings.Contains(string(body), `caddy_weir_decisions_total{limit="by-key"`), true)
	equal(t, "the key is there", strings.Contains(string(body), "s3cr3t-key"), false)
}
