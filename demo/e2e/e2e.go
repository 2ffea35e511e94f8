// Package e2e starts real proxies for tests: each on free ports, with its
// output in the test's log when the test fails, and gone when the test is over.
package e2e

import (
	"errors"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/weirproxy/weir/demo/checkout"
	"github.com/weirproxy/weir/demo/proxy"
	"github.com/weirproxy/weir/demo/site"
	"github.com/weirproxy/weir/demo/tools"
)

// Traefik starts a real Traefik that loads the plugin in local mode, named
// "weir", with the dynamic configuration, in YAML.
func Traefik(t testing.TB, dynamic string) *proxy.Traefik {
	t.Helper()
	traefik, err := proxy.StartTraefik(t.Context(), proxy.TraefikOptions{
		Binary: TraefikBinary(t), Checkout: Checkout(t), Dynamic: dynamic,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, "traefik", traefik) })
	return traefik
}

// Caddy starts a real Caddy, built by xcaddy from the checkout. The Caddyfile
// listens at http://{$WEIR_LISTEN} and says `admin {$WEIR_ADMIN}`.
func Caddy(t testing.TB, caddyfile string) *proxy.Caddy {
	t.Helper()
	caddy, err := proxy.StartCaddy(t.Context(), proxy.CaddyOptions{Binary: CaddyBinary(t), Caddyfile: caddyfile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, "caddy", caddy) })
	return caddy
}

// TraefikBinary returns the path of a real Traefik.
func TraefikBinary(t testing.TB) string {
	t.Helper()
	binary, err := tools.Traefik(Checkout(t))
	require(t, err)
	return binary
}

// CaddyBinary returns the path of a Caddy with the checkout's module.
func CaddyBinary(t testing.TB) string {
	t.Helper()
	binary, err := tools.Caddy(t.Context(), Checkout(t))
	require(t, err)
	return binary
}

// Site starts the demo's site and returns its URL.
func Site(t testing.TB) string {
	server := httptest.NewServer(site.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

// Checkout returns the root of the checkout that is tested.
func Checkout(t testing.TB) string {
	t.Helper()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// require skips a test whose program is absent, except where nothing may be.
func require(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, tools.ErrAbsent) && os.Getenv("WEIR_NO_SKIP") != "1":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

type process interface {
	Stop()
	Output() string
}

func finish(t testing.TB, name string, p process) {
	p.Stop()
	if t.Failed() {
		t.Logf("%s printed at last:\n%s", name, p.Output())
	}
}
