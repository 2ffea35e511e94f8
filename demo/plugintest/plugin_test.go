package plugintest

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/mitchellh/mapstructure"

	"github.com/weirproxy/weir/demo/checkout"
	"github.com/weirproxy/weir/demo/yaegihost"
	"github.com/weirproxy/weir/traefikplugin"
)

// plugin makes a middleware of options in the shape that Traefik's providers
// give them.
type plugin interface {
	New(ctx context.Context, next http.Handler, name string, options map[string]any) (http.Handler, error)
}

// compiled is the plugin in this test's binary, where the race detector sees it.
type compiled struct{}

func (compiled) New(ctx context.Context, next http.Handler, name string, options map[string]any) (http.Handler, error) {
	config := traefikplugin.CreateConfig()
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook: mapstructure.StringToSliceHookFunc(","), WeaklyTypedInput: true, Result: config,
	})
	if err != nil {
		return nil, err
	}
	if err := decoder.Decode(options); err != nil {
		return nil, err
	}
	return traefikplugin.New(ctx, next, config, name)
}

var (
	logged    syncBuffer
	interpret = sync.OnceValues(func() (*yaegihost.Host, error) {
		root, err := checkout.Root()
		if err != nil {
			return nil, err
		}
		return yaegihost.Load(root, slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	})
)

func interpreted(t testing.TB) plugin {
	t.Helper()
	host, err := interpret()
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// bothWays runs a test on the plugin compiled and interpreted.
func bothWays(t *testing.T, test func(t *testing.T, p plugin)) {
	t.Run("compiled", func(t *testing.T) { test(t, compiled{}) })
	t.Run("interpreted", func(t *testing.T) { test(t, interpreted(t)) })
}

// reached is the service behind the middleware.
var reached = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

// middleware makes one, named after the test so that it shares its counters
// with no other.
func middleware(t *testing.T, p plugin, options map[string]any) http.Handler {
	t.Helper()
	handler, err := p.New(t.Context(), reached, t.Name(), options)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// options reads YAML as Traefik's file provider does.
func options(t testing.TB, yaml string) map[string]any {
	t.Helper()
	read, err := yaegihost.Options(yaml)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// send asks the handler and returns its answer.
func send(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	return answer
}

// allowed sends requests until one is denied, at most most, and returns how many
// came through.
func allowed(handler http.Handler, most int, request func() *http.Request) int {
	for n := range most {
		if send(handler, request()).Code == http.StatusTooManyRequests {
			return n
		}
	}
	return most
}

// get makes requests to url with headers given in pairs.
func get(url string, headers ...string) func() *http.Request {
	return func() *http.Request {
		r := httptest.NewRequest("GET", url, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		return r
	}
}

// syncBuffer may be written and read at once.
type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
