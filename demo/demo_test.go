package main

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/e2e"
)

func TestDemo(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T) options{
		"embedded": func(*testing.T) options { return options{} },
		"real Redis": func(t *testing.T) options {
			return options{redis: redistest.Start(t).URL()}
		},
		"real Traefik": func(t *testing.T) options { return options{traefik: e2e.TraefikBinary(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			d, err := start(t.Context(), prepare(t))
			if err != nil {
				t.Fatal(err)
			}
			defer d.close()

			allowed(t, d.traefikURL, "traefik", 2)
			allowed(t, d.caddyURL, "caddy", 1)
			allowed(t, d.traefikURL, "traefik", 0)
			denied(t, d.caddyURL)
			wait := denied(t, d.traefikURL)
			for _, url := range []string{d.traefikURL, d.caddyURL} {
				if answer := get(t, url+"/style.css"); answer.StatusCode != http.StatusOK {
					t.Errorf("a static file of %s: got %d", url, answer.StatusCode)
				}
			}

			if name == "embedded" {
				time.Sleep(wait) // which is what is tested
				allowed(t, d.caddyURL, "caddy", -1)
			}
		})
	}
}

func TestNothingIsLeft(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	d, err := start(t.Context(), options{})
	if err != nil {
		t.Fatal(err)
	}
	d.close()
	for _, url := range []string{d.traefikURL, d.caddyURL} {
		if answer, err := http.Get(url); err == nil {
			answer.Body.Close()
			t.Errorf("%s still answers", url)
		}
	}
}

func TestTakenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := listener.Addr().(*net.TCPAddr).Port
	for flag, o := range map[string]options{
		"-traefik-port": {traefikPort: taken},
		"-caddy-port":   {caddyPort: taken},
	} {
		_, err := start(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), strconv.Itoa(taken)) {
			t.Errorf("got %v, want an error that names %s and the port", err, flag)
		}
	}
}

// allowed calls the API and wants an answer that came through the proxy, with
// this many requests left, or any number for -1.
func allowed(t *testing.T, url, proxy string, remaining int) {
	t.Helper()
	answer := get(t, url+"/api/hello")
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: got %d, want 200", proxy, answer.StatusCode)
	}
	var hello struct{ Proxy string }
	if err := json.NewDecoder(answer.Body).Decode(&hello); err != nil || hello.Proxy != proxy {
		t.Errorf("came through %q, %v, want %s", hello.Proxy, err, proxy)
	}
	header := answer.Header.Get("RateLimit")
	if want := `"demo-api";r=` + strconv.Itoa(remaining) + `;`; remaining >= 0 && !strings.HasPrefix(header, want) {
		t.Errorf("%s: RateLimit: got %s, want %s…", proxy, header, want)
	}
}

// denied calls the API, wants a complete 429, and returns its Retry-After.
func denied(t *testing.T, url string) time.Duration {
	t.Helper()
	answer := get(t, url+"/api/hello")
	if answer.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("%s: got %d, want 429", url, answer.StatusCode)
	}
	for header, want := range map[string]string{
		"Cache-Control":    "no-store",
		"Content-Type":     "application/problem+json",
		"RateLimit":        `"demo-api";r=0;`,
		"RateLimit-Policy": `"demo-api";q=3;w=10`,
	} {
		if got := answer.Header.Get(header); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s: got %q, want %q", url, header, got, want)
		}
	}
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || seconds < 1 || seconds > 10 {
		t.Fatalf("%s: Retry-After: got %q, want 1 to 10", url, answer.Header.Get("Retry-After"))
	}
	return time.Duration(seconds) * time.Second
}

// client gives up on a proxy that hangs.
var client = &http.Client{Timeout: 15 * time.Second}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}
