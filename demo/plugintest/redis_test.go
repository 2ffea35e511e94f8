package plugintest

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/weirproxy/weir/core/redistest"
)

// counted asks for the limit named so, and for its key in the server.
func counted(t *testing.T, p plugin, redis map[string]any) {
	t.Helper()
	limit := map[string]any{"name": "in-redis", "rate": "2/1h"}
	handler := middleware(t, p, map[string]any{"limits": []any{limit}, "redis": redis, "timeout": "5s", "onError": "deny"})
	if answer := send(handler, get("/")()); answer.Code != http.StatusOK {
		t.Fatalf("got %d %s", answer.Code, answer.Body)
	}
}

func TestRedis(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		server := redistest.Start(t, "--requirepass", "sesame")
		counted(t, p, map[string]any{"address": server.Addr(), "password": "sesame"})
		counted(t, p, map[string]any{"address": "redis://:sesame@" + server.Addr() + "/0"})
		if got := server.MustDo("KEYS", "*"); got != "weir:{in-redis:192.0.2.1}:sw" {
			t.Errorf("keys: %s", got)
		}
		counted(t, p, map[string]any{"address": server.Addr(), "password": "sesame", "db": "3"})
		if got := server.MustDo("INFO", "keyspace"); !strings.Contains(got, "db3:keys=1") {
			t.Errorf("database 3 was not selected: %s", got)
		}
	})
}

// Certificates are files or, as where a secret is put in its place, PEM.
func TestRedisTLS(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		server := redistest.StartTLS(t)
		files := server.Files
		counted(t, p, map[string]any{"address": "rediss://" + server.Addr(), "tls": map[string]any{"ca": files.CA, "cert": files.Cert, "key": files.Key}})
		counted(t, p, map[string]any{"address": server.Addr(), "tls": map[string]any{"ca": "file:" + files.CA, "cert": content(t, files.Cert), "key": "file:" + files.Key}})
		// Other settings are other connections.
		refused := middleware(t, p, map[string]any{"rate": "2/1h", "onError": "deny", "timeout": "1s", "redis": map[string]any{
			"address": server.Addr(), "tls": map[string]any{"ca": files.CA, "cert": files.Cert, "key": files.Key, "serverName": "elsewhere.example"},
		}})
		if answer := send(refused, get("/")()); answer.Code != http.StatusServiceUnavailable {
			t.Errorf("a server of another name: got %d", answer.Code)
		}
		if n := server.MustDo("DBSIZE"); n != "1" {
			t.Errorf("%s keys, want 1", n)
		}
	})
}

// A lease is fetched ahead, and handed out.
func TestLease(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		server := redistest.Start(t)
		// A first request finds Redis without the script, and is decided otherwise.
		send(middleware(t, p, map[string]any{"rate": "1/1d", "redis": map[string]any{"address": server.Addr()}, "timeout": "5s"}), get("/")())
		for name, test := range map[string]struct {
			lease any
			taken string
		}{
			// Requests 1, 2, 3, 5, 8 and 13 ask for themselves, and for 0, 0, 1, 2, 4
			// and 8 more.
			"leased": {"8 1m", "21"},
			"exact":  {nil, "13"},
			// A second may be over before the requests are.
			"number": {8, ""},
			"text":   {"8", ""},
		} {
			limit := map[string]any{"name": name, "rate": "1000/1d", "algorithm": "fixed-window"}
			if test.lease != nil {
				limit["lease"] = test.lease
			}
			handler := middleware(t, p, map[string]any{
				"limits": []any{limit}, "redis": map[string]any{"address": server.Addr()}, "timeout": "5s", "onError": "deny",
			})
			for n := 999; n >= 987; n-- {
				answer := send(handler, get("/")())
				want := fmt.Sprintf(`"%s";r=%d;`, name, n)
				if answer.Code != http.StatusOK || test.taken != "" && !strings.HasPrefix(answer.Header().Get("RateLimit"), want) {
					t.Fatalf("%s: got %d, %q, want %s", name, answer.Code, answer.Header().Get("RateLimit"), want)
				}
			}
			got := strings.Fields(server.MustDo("GET", "weir:{"+name+":192.0.2.1}:fw"))
			if test.taken != "" && got[1] != test.taken {
				t.Errorf("%s: %s taken for 13 requests, want %s", name, got[1], test.taken)
			}
		}
	})
}

func content(t *testing.T, path string) string {
	t.Helper()
	read, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(read)
}

// Two middlewares with Redis of their own never ask each other's.
func TestTwoRedis(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		servers := []*redistest.Server{redistest.Start(t), redistest.Start(t)}
		done := make(chan bool)
		for i, server := range servers {
			name := []string{"a", "b"}[i]
			handler := middleware(t, p, map[string]any{
				"limits": []any{map[string]any{"name": name, "rate": "1000/1h", "key": "header:X-User"}},
				"redis":  map[string]any{"address": server.Addr()}, "timeout": "5s",
			})
			for range 8 {
				go func() {
					for range 50 {
						send(handler, get("/", "X-User", "joe")())
					}
					done <- true
				}()
			}
		}
		for range 16 {
			<-done
		}
		for i, server := range servers {
			if got := server.MustDo("KEYS", "*"); strings.Count(got, "\n") != 0 || !strings.HasPrefix(got, "weir:{"+[]string{"a", "b"}[i]+":") {
				t.Errorf("keys of %d: %s", i, got)
			}
		}
	})
}
