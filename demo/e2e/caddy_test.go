package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
)

// TestCaddyModules: the modules are in the binary that xcaddy built.
func TestCaddyModules(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), CaddyBinary(t), "list-modules").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"admin.api.weir", "http.handlers.rate_limit", "http.handlers.weir", "weir"} {
		if !strings.Contains("\n"+string(output), "\n"+module+"\n") {
			t.Errorf("no module %s", module)
		}
	}
}

// TestCaddyValidate finds mistakes with file and line, and needs no Redis.
func TestCaddyValidate(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"right":            {"weir 100/1m {\n\t\tredis redis.invalid:6379\n\t}", "Valid configuration"},
		"fail/option":      {"weir {\n\t\trate 100/1m\n\t\tbrust 5\n\t}", `unknown option: \"brust\": want burst, at Caddyfile:4`},
		"fail/rate":        {"weir 100/fortnight", `rate: \"100/fortnight\": want a window`},
		"fail/certificate": {"weir 1/1s {\n\t\tredis rediss://a:1 {\n\t\t\ttls {\n\t\t\t\tca /nowhere\n\t\t\t}\n\t\t}\n\t}", `redis.tls.ca: \"/nowhere\": want a file that can be read: no such file or directory, at Caddyfile:5`},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			text := "http://localhost:1 {\n\t" + test.text + "\n}\n"
			if err := os.WriteFile(filepath.Join(directory, "Caddyfile"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), CaddyBinary(t), "validate", "--config", "Caddyfile")
			command.Dir = directory
			command.Env = append(os.Environ(), "XDG_DATA_HOME="+directory, "XDG_CONFIG_HOME="+directory)
			output, err := command.CombinedOutput()
			if (err != nil) != strings.HasPrefix(name, "fail") || !strings.Contains(string(output), test.want) {
				t.Errorf("got %v and %s\nwant %s", err, output, test.want)
			}
		})
	}
}

const reloaded = `{
	admin {$WEIR_ADMIN}
	weir {
		redis %[1]s
		timeout 5s
	}
}
http://{$WEIR_LISTEN} {
	weir {
		limit stays {
			rate 1000000/1h
		}
		limit changes {
			rate %[2]d/1h
		}
		limit comes-and-goes-%[2]d {
			rate 1000000/1h
		}
	}
	respond ok
}
`

// TestCaddyReload reloads a Caddy that is serving requests: each of them is
// answered, all are counted, and no connection is left over. The metrics are
// there afterwards and know no client.
func TestCaddyReload(t *testing.T) {
	redis := redistest.Start(t)
	caddy := Caddy(t, fmt.Sprintf(reloaded, redis.Addr(), 1000000))
	var (
		stop              atomic.Bool
		answered, dropped atomic.Int64
		all               sync.WaitGroup
		client            = &http.Client{Transport: new(http.Transport)}
	)
	for range 4 {
		all.Go(func() {
			for !stop.Load() {
				answer, err := client.Get(caddy.URL)
				if err != nil {
					// Connections that are just being opened are reset when
					// Caddy replaces its listener, with weir or without.
					dropped.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				answered.Add(1)
				if answer.StatusCode != http.StatusOK {
					t.Errorf("answered %d", answer.StatusCode)
					return
				}
			}
		})
	}
	for i := range 10 {
		if err := caddy.Reload(t.Context(), fmt.Sprintf(reloaded, redis.Addr(), 1000001+i)); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	all.Wait()
	client.CloseIdleConnections()
	// The admin API's own listener was replaced, too.
	for good := 0; good < 5; good++ {
		answer, err := http.Get(caddy.AdminURL + "/config/")
		if err != nil {
			good = 0
			time.Sleep(10 * time.Millisecond)
			continue
		}
		answer.Body.Close()
	}

	var remaining int64
	fields := strings.Fields(lastLine(weir(t, caddy, "peek", "stays", "127.0.0.1")))
	if _, err := fmt.Sscan(fields[3], &remaining); err != nil {
		t.Fatalf("%q: %v", fields, err)
	}
	if counted := 1000000 - remaining; counted < answered.Load() || counted > answered.Load()+dropped.Load() {
		t.Errorf("%d requests were counted, %d answered, %d dropped", counted, answered.Load(), dropped.Load())
	}
	if open := strings.Count(redis.MustDo("CLIENT", "LIST"), "\n"); open > 17 {
		t.Errorf("%d connections to Redis, want at most the pool's 16 and the one that asks", open)
	}
	_, metrics := get(t, caddy.AdminURL+"/metrics")
	for _, want := range []string{
		`caddy_weir_decisions_total{limit="stays",outcome="allowed"}`,
		`caddy_weir_store_seconds_count{store="` + redis.Addr() + `"}`,
		`caddy_weir_store_errors_total{store="` + redis.Addr() + `"} 0`,
		`caddy_weir_fallback{store="` + redis.Addr() + `"} 0`,
		`caddy_weir_memory_keys 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("after the reloads: no metric %s", want)
		}
	}
	if strings.Contains(metrics, "comes-and-goes-1000000") {
		t.Error("there are metrics of a limit that is gone")
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// exitCode is -1 for anything but the end of a program.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// TestCaddyAndTraefikKeys: a limit that says the same in both proxies counts with
// the same keys.
func TestCaddyAndTraefikKeys(t *testing.T) {
	redis := redistest.Start(t)
	site := Site(t)
	keys := []struct{ name, traefik, caddy string }{
		{"address", "ip", "{client_ip}"},
		{"header", "header:X-Api-Key", "{header.X-Api-Key}"},
		{"missing", "header:X-None", "{header.X-None}"},
		{"cookie", "cookie:session", "{cookie.session}"},
		{"query", "query:user", "{query.user}"},
		{"host", "host", "{host}"},
		{"path", "path", "{path}"},
		{"method", "method", "{method}"},
		{"both", "header:X-Api-Key+path", "{header.X-Api-Key}+{path}"},
		{"all", "global", "global"},
	}
	var yaml, caddyfile strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&yaml, "            - {name: %s, key: %q, rate: 10/1h}\n", key.name, key.traefik)
		fmt.Fprintf(&caddyfile, "\t\tlimit %s {\n\t\t\tkey %s\n\t\t\trate 10/1h\n\t\t}\n", key.name, key.caddy)
	}
	traefik := Traefik(t, fmt.Sprintf(`
http:
  routers:
    all: {rule: "PathPrefix(%[1]s/%[1]s)", middlewares: [limit], service: site}
  middlewares:
    limit:
      plugin:
        weir:
          redis: {address: %q}
          timeout: 5s
          limits:
%s
  services:
    site: {loadBalancer: {servers: [{url: %q}]}}
`, "`", redis.Addr(), &yaml, site))
	caddy := Caddy(t, fmt.Sprintf("{\n\tadmin {$WEIR_ADMIN}\n}\nhttp://{$WEIR_LISTEN} {\n\tweir {\n\t\tredis %s\n\t\ttimeout 5s\n%s\t}\n\trespond ok\n}\n", redis.Addr(), &caddyfile))
	for _, url := range []string{traefik.URL, caddy.URL} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/page?user=bob", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Api-Key", "secret")
		r.AddCookie(&http.Cookie{Name: "session", Value: "s1"})
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	stored := strings.Fields(redis.MustDo("KEYS", "weir:*"))
	for _, key := range keys {
		var own []string
		for _, k := range stored {
			if strings.HasPrefix(k, "weir:{"+key.name+":") {
				own = append(own, k)
			}
		}
		if len(own) != 1 {
			t.Errorf("key %s: counted as %q", key.name, own)
		}
	}
}
