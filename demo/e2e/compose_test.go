package e2e

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
)

// TestComposeConfiguration runs the compose stack's configuration, with its
// addresses replaced, on the same programs outside of containers. Decisions have
// time, so that none is counted in memory because the machine is busy.
func TestComposeConfiguration(t *testing.T) {
	redis := redistest.Start(t).Addr()
	site, metrics := Site(t), freeAddress(t)
	traefik := Traefik(t, configuration(t, "dynamic.yml",
		"          redis:\n", "          timeout: 5s\n          redis:\n", "redis:6379", redis, "site:8000", strings.TrimPrefix(site, "http://"))).URL
	caddy := Caddy(t, configuration(t, "Caddyfile",
		"\tweir {\n\t\tredis", "\tadmin {$WEIR_ADMIN}\n\tweir {\n\t\ttimeout 5s\n\t\tredis", "redis:6379", redis,
		":80 {", "http://{$WEIR_LISTEN} {", ":9180 {", "http://"+metrics+" {", "site:8000", site)).URL

	for i, call := range []struct {
		url, proxy string
	}{{traefik, "traefik"}, {traefik, "traefik"}, {caddy, "caddy"}} {
		answer, body := get(t, call.url+"/api/hello")
		if answer.StatusCode != http.StatusOK || !strings.Contains(body, call.proxy) {
			t.Fatalf("call %d: got %d %s, want 200 through %s", i+1, answer.StatusCode, body, call.proxy)
		}
		want := `"demo-api";r=` + strconv.Itoa(2-i) + ";"
		if got := answer.Header.Get("RateLimit"); !strings.HasPrefix(got, want) {
			t.Errorf("call %d: RateLimit: got %s, want %s…", i+1, got, want)
		}
	}

	var wait int
	for _, url := range []string{traefik, caddy} {
		answer, body := get(t, url+"/api/hello")
		if answer.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("the fourth call, at %s: got %d %s", url, answer.StatusCode, body)
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
		if !strings.Contains(body, "quota-exceeded") || !strings.Contains(body, "demo-api") {
			t.Errorf("%s: no problem details of demo-api: %s", url, body)
		}
		var err error
		if wait, err = strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 20 {
			t.Fatalf("%s: Retry-After: got %q, want 1 to 20, two windows", url, answer.Header.Get("Retry-After"))
		}
		if answer, _ := get(t, url+"/style.css"); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: a static file: got %d", url, answer.StatusCode)
		}
	}

	if _, body := get(t, "http://"+metrics+"/metrics"); !strings.Contains(body, `caddy_weir_decisions_total{limit="demo-api",outcome="denied"} 1`) {
		t.Errorf("Prometheus would not see the denial:\n%s", body)
	}

	// The wait is what is tested.
	time.Sleep(time.Duration(wait) * time.Second)
	if answer, _ := get(t, caddy+"/api/hello"); answer.StatusCode != http.StatusOK {
		t.Errorf("after Retry-After: got %d", answer.StatusCode)
	}
}

// freeAddress is a loopback address that can be listened at.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// configuration reads a file of the compose stack and makes the replacements,
// each of which must fit.
func configuration(t *testing.T, name string, replacements ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(Checkout(t), "demo", "docker", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(text, replacements[i]) {
			t.Fatalf("%s does not contain %q", name, replacements[i])
		}
		text = strings.ReplaceAll(text, replacements[i], replacements[i+1])
	}
	return text
}

// client gives up on a proxy that hangs.
var client = &http.Client{Timeout: 15 * time.Second}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}
