package proxy_test

import (
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/weirproxy/weir/demo/e2e"
	"github.com/weirproxy/weir/demo/proxy"
)

// fixture is a small plugin with this one's import path.
const fixture = "../yaegihost/testdata/fixture"

const fixtureRoute = `
http:
  routers:
    all: {rule: "PathPrefix(` + "`/`" + `)", middlewares: [fixture], service: ping@internal}
  middlewares:
    fixture:
      plugin:
        weir: {greeting: %s}
`

func TestTraefik(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	traefik, err := proxy.StartTraefik(t.Context(), proxy.TraefikOptions{
		Binary: e2e.TraefikBinary(t), Checkout: fixture, Dynamic: strings.ReplaceAll(fixtureRoute, "%s", "first"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer traefik.Stop()
	if got := fixtureHeader(t, traefik.URL); !strings.HasPrefix(got, "fixture@file first ") {
		t.Errorf("got %q from the plugin", got)
	}

	if err := traefik.Reload(t.Context(), strings.ReplaceAll(fixtureRoute, "%s", "second")); err != nil {
		t.Fatal(err)
	}
	if got := fixtureHeader(t, traefik.URL); !strings.HasPrefix(got, "fixture@file second ") {
		t.Errorf("got %q from the plugin after a reload", got)
	}

	traefik.Stop()
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestTraefikThatCannotListen(t *testing.T) {
	taken := startTaken(t)
	_, err := proxy.StartTraefik(t.Context(), proxy.TraefikOptions{Binary: e2e.TraefikBinary(t), Checkout: fixture, Listen: taken})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want what Traefik printed", err)
	}
}

func fixtureHeader(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.Header.Get("X-Fixture")
}

func startTaken(t *testing.T) string {
	t.Helper()
	server := &http.Server{Handler: http.NotFoundHandler()}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String()
}
