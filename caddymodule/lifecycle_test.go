package caddymodule

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/weirproxy/weir/core/redistest"
)

const limited = `
LISTEN {
	weir %s
	respond ok
}`

// TestReloadKeepsCounts: a limit goes on where it was, also where its numbers
// change, and only the others come and go.
func TestReloadKeepsCounts(t *testing.T) {
	s := serve(t, fmt.Sprintf(limited, "3/1h"))
	equal(t, "before", s.statuses(2, "/"), "200 200")
	s.load(fmt.Sprintf(limited, "3/1h"))
	equal(t, "after a reload", s.statuses(2, "/"), "200 429")
	s.load(fmt.Sprintf(limited, "5/1h"))
	equal(t, "after a raise", s.statuses(3, "/"), "200 200 429")
	s.load(fmt.Sprintf(limited, "{\n\t\tlimit other {\n\t\t\trate 1/1h\n\t\t}\n\t}"))
	equal(t, "another limit", s.statuses(2, "/"), "200 429")
}

// TestFailedReload: a configuration that is refused leaves the running one as it
// was.
func TestFailedReload(t *testing.T) {
	s := serve(t, fmt.Sprintf(limited, "3/1h"))
	equal(t, "before", s.statuses(2, "/"), "200 200")
	for name, text := range map[string]string{
		"a mistake":    fmt.Sprintf(limited, "3/fortnight"),
		"a later site": fmt.Sprintf(limited, "3/1h") + "\nhttp://127.0.0.1:1 {\n\tbind 203.0.113.254\n\tweir 1/1h\n}",
	} {
		if err := s.tryLoad(text); err == nil {
			t.Fatalf("%s: no error", name)
		}
	}
	if err := caddy.Load([]byte(`{"admin": {"disabled": true}, "apps": {"weir": {"on_error": "shrug"}}}`), true); err == nil {
		t.Fatal("no error")
	}
	equal(t, "after", s.statuses(2, "/"), "200 429")
	if targets, err := findTargets("default"); err != nil || len(targets) != 1 || targets[0].limit.Rate.Count != 3 {
		t.Errorf("the admin API shows %v, %v", targets, err)
	}
}

// TestReloadUnderLoad changes, adds and removes limits while requests are on
// their way: each answer is what it would have been, and the count goes on.
func TestReloadUnderLoad(t *testing.T) {
	server := redistest.Start(t)
	site := func(i int) string {
		return strings.ReplaceAll(fmt.Sprintf(`
LISTEN {
	weir {
		redis ADDR
		timeout 10s
		limit stays {
			rate 1000000/1h
		}
		limit changes {
			rate %d/1h
		}
		limit comes-and-goes-%d {
			rate 1000000/1h
		}
	}
	respond ok
}`, 1000000+i, i), "ADDR", server.Addr())
	}
	s := serve(t, site(0))
	var stop atomic.Bool
	var answered, dropped atomic.Int64
	var all sync.WaitGroup
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	for range 4 {
		all.Go(func() {
			for !stop.Load() {
				response, err := client.Get(s.url)
				if err != nil {
					// Caddy and the kernel drop connections that are just being
					// opened when the listener is replaced, with weir or without.
					dropped.Add(1)
					continue
				}
				response.Body.Close()
				answered.Add(1)
				if response.StatusCode != 200 {
					t.Errorf("status %d", response.StatusCode)
					return
				}
			}
		})
	}
	for i := range 10 {
		enough := answered.Load() + 20
		waitFor(t, "requests are served", func() bool { return answered.Load() >= enough })
		s.load(site(i + 1))
	}
	stop.Store(true)
	all.Wait()
	targets, err := findTargets("stays")
	if err != nil {
		t.Fatal(err)
	}
	state, err := targets[0].apply(func(target, string) error { return nil }, "127.0.0.1", false)
	if err != nil {
		t.Fatal(err)
	}
	if counted := 1000000 - state.Remaining; counted < answered.Load() || counted > answered.Load()+dropped.Load() {
		t.Errorf("%d requests were counted, %d answered, %d dropped", counted, answered.Load(), dropped.Load())
	}
}

// TestManyReloads leaves neither goroutines nor connections behind.
func TestManyReloads(t *testing.T) {
	server := redistest.Start(t)
	site := func(i int) string {
		return fmt.Sprintf(`{
	weir {
		redis %s
		timeout 10s
	}
}
LISTEN {
	weir {
		limit a {
			rate %d/1h
		}
	}
	weir {
		limit b {
			rate 1000/1h
		}
		sweep_interval 1s
	}
	respond ok
}
http://localhost:1 {
	bind 127.0.0.2
	weir 9/1h
}`, server.Addr(), 1000+i)
	}
	s := serve(t, site(0))
	waitWarm(t, server)
	connections := func() int { return strings.Count(server.MustDo("CLIENT", "LIST"), "\n") }
	s.get("/")
	before, open := runtime.NumGoroutine(), connections()
	for i := range 100 {
		s.load(site(i))
	}
	s.get("/")
	// What Caddy and the HTTP client end, they end in their own time.
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	waitFor(t, "all goroutines are gone", func() bool { return runtime.NumGoroutine() <= before+5 })
	equal(t, "connections", connections(), open)
}

// TestOnePool: all sites that name the same Redis share its connections.
func TestOnePool(t *testing.T) {
	server := redistest.Start(t)
	var text strings.Builder
	for i := range 10 {
		fmt.Fprintf(&text, "\n\thandle /%d {\n\t\tweir {\n\t\t\tredis %s\n\t\t\tlimit limit-%d {\n\t\t\t\trate 100/1h\n\t\t\t}\n\t\t}\n\t\trespond ok\n\t}", i, server.Addr(), i)
	}
	s := serve(t, "LISTEN {"+text.String()+"\n}")
	waitWarm(t, server)
	before := latest(server)
	for i := range 10 {
		equal(t, "status", s.get(fmt.Sprint("/", i)).StatusCode, 200)
	}
	// The start's may be busy with its reply still.
	if opened := latest(server) - before - 1; opened > 1 {
		t.Errorf("%d connections for ten handlers, one request at a time", opened)
	}
}

// TestConnectsAtStart: the first start connects, so that the first request need
// not. Neither validate nor a reload with the same settings does.
func TestConnectsAtStart(t *testing.T) {
	server := redistest.Start(t)
	site := fmt.Sprintf("LISTEN {\n\tweir 1/1h {\n\t\tredis %s\n\t\ttimeout 10s\n\t}\n\trespond ok\n}", server.Addr())
	result, err := adapt("{\n\tadmin off\n}\n" + strings.ReplaceAll(site, "LISTEN", "http://localhost:1"))
	if err != nil {
		t.Fatal(err)
	}
	before := latest(server)
	if err := validate(string(result)); err != nil {
		t.Fatal(err)
	}
	equal(t, "connections of validate", latest(server)-before-1, 0)

	s := serve(t, site)
	waitWarm(t, server)
	before = latest(server)
	s.load(site)
	s.load(site + "\n")
	equal(t, "connections of two reloads", latest(server)-before-1, 0)
	equal(t, "status", s.get("/").StatusCode, 200)
	equal(t, "keys", server.MustDo("KEYS", "*"), "weir:{default:127.0.0.1}:sw")
}

// waitWarm waits until a start has connected and the server knows the script.
func waitWarm(t *testing.T, server *redistest.Server) {
	t.Helper()
	waitFor(t, "the server knows the script", func() bool {
		return strings.Contains(server.MustDo("INFO", "commandstats"), "cmdstat_eval:")
	})
}

// latest is the number of the latest connection to the server, the one that
// asks.
func latest(server *redistest.Server) int {
	var id int
	fmt.Sscan(server.MustDo("CLIENT", "ID"), &id)
	return id
}

// TestNoStoreAtStart: a store that is not there is told of before a request
// needs it, and so is its coming.
func TestNoStoreAtStart(t *testing.T) {
	server := redistest.Start(t)
	server.Stop()
	serve(t, strings.ReplaceAll("LISTEN {\n\tweir 1/1s {\n\t\tredis ADDR\n\t}\n\trespond ok\n}", "ADDR", server.Addr()))
	waitFor(t, "the store is lost", func() bool { return len(logLines("the store is lost", server.Addr())) == 1 })
	server.Restart()
	waitFor(t, "the store is back", func() bool { return len(logLines("the store is back", server.Addr())) == 1 })
}

// TestCleanupOfHalf: a handler that fails while it is provisioned, or never was,
// cleans up what there is.
func TestCleanupOfHalf(t *testing.T) {
	if err := new(Handler).Cleanup(); err != nil {
		t.Error(err)
	}
	config := func(redis string) string {
		return `{"admin": {"disabled": true}, "apps": {"http": {"servers": {"a": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [
			{"handler": "weir", "limits": [{"name": "a", "rate": "1/s"}]},
			{"handler": "weir", "limits": [{"name": "b", "rate": "1/s"}], "redis": {"address": "` + redis + `"}},
			{"handler": "weir"}]}]}}}}}`
	}
	for _, redis := range []string{"127.0.0.1:1", "nowhere"} {
		if err := validate(config(redis)); err == nil {
			t.Error("no error")
		}
	}
	if left := leftovers(); left != "" {
		t.Error(left)
	}
}

// TestStoreLost says once that the store is lost and once that it is back, and
// counts here meanwhile.
func TestStoreLost(t *testing.T) {
	server := redistest.Start(t)
	s := serve(t, strings.ReplaceAll("LISTEN {\n\tweir / 3/1h {\n\t\tredis ADDR\n\t}\n\thandle /metrics {\n\t\tmetrics\n\t}\n\trespond ok\n}", "ADDR", server.Addr()))
	logLines()
	equal(t, "before", s.statuses(1, "/"), "200")
	server.Stop()
	equal(t, "meanwhile", s.statuses(5, "/"), "200 200 200 429 429")
	if got := logLines("the store is lost", server.Addr()); len(got) != 1 {
		t.Errorf("lost: logged %q", got)
	}
	wantMetric(t, s, fmt.Sprintf(`caddy_weir_fallback{store="%s"} 1`, server.Addr()))
	server.Restart()
	waitFor(t, "the store is back", func() bool { return len(logLines("the store is back")) == 1 })
	equal(t, "after", s.statuses(4, "/"), "200 200 200 429")
	wantMetric(t, s, fmt.Sprintf(`caddy_weir_fallback{store="%s"} 0`, server.Addr()))
}

// TestOnError answers as it says while there is no store.
func TestOnError(t *testing.T) {
	for setting, want := range map[string]string{"local": "200 429 429", "allow": "200 200 200", "deny": "503 503 503"} {
		t.Run(setting, func(t *testing.T) {
			s := serve(t, "LISTEN {\n\tweir 1/1h {\n\t\tredis 127.0.0.1:1\n\t\ton_error "+setting+"\n\t}\n\trespond ok\n}")
			equal(t, "statuses", s.statuses(3, "/"), want)
			if setting == "deny" {
				a := s.get("/")
				equal(t, "Retry-After", a.Header.Get("Retry-After"), "1")
				if !strings.Contains(a.text, "temporary-reduced-capacity") {
					t.Errorf("body: %s", a.text)
				}
			}
		})
	}
}
