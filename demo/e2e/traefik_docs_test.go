package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/proxy"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestTraefikDocumentation runs every middleware that docs/traefik.md shows in a
// file or as a custom resource, together, in one Traefik.
func TestTraefikDocumentation(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(Checkout(t), "docs", "traefik.md"))
	if err != nil {
		t.Fatal(err)
	}
	redis := redistest.Start(t, "--requirepass", "sesame")
	files := redistest.StartTLS(t).Files
	fill := strings.NewReplacer("redis:6379", redis.Addr(),
		"env:REDIS_PASSWORD", "sesame", "env:SENTINEL_PASSWORD", "sesame", "urn:k8s:secret:redis:password", "sesame",
		"urn:k8s:secret:redis:ca.crt", files.CA,
		"redis.limits.svc:6379", "127.0.0.1:1", "sentinel-a:26379", "127.0.0.1:1", "sentinel-b:26379", "127.0.0.1:1", "sentinel-c:26379", "127.0.0.1:1")
	middlewares := map[string]string{}
	for _, block := range yamlBlock.FindAllStringSubmatch(string(content), -1) {
		for _, document := range strings.Split(fill.Replace(block[1]), "\n---\n") {
			var read struct {
				HTTP struct{ Middlewares map[string]any }
				Kind string
				Spec any
			}
			if err := yaml.Unmarshal([]byte(document), &read); err != nil {
				t.Fatal(err)
			}
			for _, middleware := range read.HTTP.Middlewares {
				middlewares[fmt.Sprintf("m%02d", len(middlewares))] = inFlow(t, middleware)
			}
			if read.Kind == "Middleware" {
				middlewares[fmt.Sprintf("m%02d", len(middlewares))] = inFlow(t, read.Spec)
			}
		}
	}
	if len(middlewares) < 9 {
		t.Fatalf("%d middlewares were found, want 9", len(middlewares))
	}
	traefik, log := traefikWith(t, proxy.TraefikOptions{Dynamic: routes(hello(t), middlewares)})
	for name, options := range middlewares {
		want := http.StatusOK
		if strings.Contains(options, `"onError":"deny"`) {
			want = http.StatusServiceUnavailable
		}
		if got := ask(t, traefik.URL+"/"+name).StatusCode; got != want {
			t.Errorf("got %d, want %d for %s\n%s", got, want, options, strings.Join(log.lines(name+"@file"), "\n"))
		}
	}
	if redis.MustDo("DBSIZE") == "0" {
		t.Error("nothing was counted in Redis")
	}
}

// inFlow is YAML on one line.
func inFlow(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
