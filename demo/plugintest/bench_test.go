package plugintest

import (
	"net/http"
	"testing"

	"github.com/weirproxy/weir/core/redistest"
)

// BenchmarkServe is a request's time in the interpreted plugin.
func BenchmarkServe(b *testing.B) {
	redis := map[string]any{"address": redistest.Start(b).Addr()}
	for _, test := range []struct {
		name    string
		options map[string]any
	}{
		{"unlimited", map[string]any{"rate": "unlimited"}},
		{"memory", map[string]any{"rate": "1000000000/1h"}},
		{"memory, no headers", map[string]any{"rate": "1000000000/1h", "headers": "off"}},
		{"memory, by header", map[string]any{"rate": "1000000000/1h", "key": "header:X-Api-Key|ip"}},
		{"memory, token-bucket", map[string]any{"rate": "1000000000/1h", "algorithm": "token-bucket"}},
		{"memory, denied", map[string]any{"rate": "0/1h"}},
		{"redis", map[string]any{"rate": "1000000000/1h", "redis": redis, "timeout": "5s"}},
	} {
		b.Run(test.name, func(b *testing.B) {
			handler, err := interpreted(b).New(b.Context(), reached, "bench", test.options)
			if err != nil {
				b.Fatal(err)
			}
			r := get("/", "X-Api-Key", "key")()
			w := discard{}
			b.ReportAllocs()
			for b.Loop() {
				clear(w)
				handler.ServeHTTP(w, r)
			}
		})
	}
}

// discard is a ResponseWriter that keeps its header only.
type discard http.Header

func (d discard) Header() http.Header         { return http.Header(d) }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
