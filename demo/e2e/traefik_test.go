package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirproxy/weir/demo/proxy"
)

// traefikWith starts Traefik with more than a dynamic configuration, and returns
// what it logs at DEBUG.
func traefikWith(t *testing.T, options proxy.TraefikOptions) (*proxy.Traefik, *logged) {
	t.Helper()
	log := &logged{}
	options.Binary, options.Checkout = TraefikBinary(t), Checkout(t)
	options.LogLevel, options.Output = "DEBUG", log
	traefik, err := proxy.StartTraefik(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, "traefik", traefik) })
	return traefik, log
}

// logged is what a program prints, to be read while it runs.
type logged struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// lines are those that contain text, without Traefik's colours.
func (l *logged) lines(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range strings.Split(colours.Replace(l.buffer.String()), "\n") {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

var colours = strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[36m", "", "\x1b[90m", "")

// routes is a dynamic configuration with a route /<name> for each middleware,
// given in YAML's flow style, to the site at url.
func routes(url string, middlewares map[string]string) string {
	var routers, made strings.Builder
	for name, middleware := range middlewares {
		fmt.Fprintf(&routers, "    %s: {rule: \"PathPrefix(`/%[1]s`)\", middlewares: [%[1]s], service: site}\n", name)
		fmt.Fprintf(&made, "    %s: %s\n", name, middleware)
	}
	return fmt.Sprintf("http:\n  routers:\n%s  middlewares:\n%s  services:\n    site: {loadBalancer: {servers: [{url: %q}]}}\n", &routers, &made, url)
}

func weirOf(options string) string { return "{plugin: {weir: " + options + "}}" }

func ownOf(options string) string { return "{rateLimit: " + options + "}" }

// ask sends a request with headers given in pairs, and returns the answer, its
// body read.
func ask(t testing.TB, url string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer
}

// admitted is how many of n requests, one after the other, come through.
func admitted(t testing.TB, n int, url string, headers ...string) int {
	t.Helper()
	came := 0
	for range n {
		if ask(t, url, headers...).StatusCode == http.StatusOK {
			came++
		}
	}
	return came
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// hello is a service that says so.
func hello(t testing.TB) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
}

// serve starts a service and returns its URL.
func serve(t testing.TB, service http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	return server.URL
}
