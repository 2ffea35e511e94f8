package plugintest

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/checkout"
	"github.com/weirproxy/weir/demo/yaegihost"
)

var fence = regexp.MustCompile("(?ms)^```(yaml|toml)\n(.*?)^```$")

// TestDocumentation makes every middleware that the documentation shows, in the
// shape in which Traefik would give it to the plugin, and sends it a request.
func TestDocumentation(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	server := redistest.Start(t, "--requirepass", "sesame")
	files := redistest.StartTLS(t).Files
	// What the reader has in its place.
	fill := strings.NewReplacer(
		`"redis:6379"`, `"`+server.Addr()+`"`, "=redis:6379", "="+server.Addr(),
		"env:REDIS_PASSWORD", "sesame", "env:SENTINEL_PASSWORD", "sesame",
		"urn:k8s:secret:redis:password", "sesame", "urn:k8s:secret:redis:ca.crt", files.CA,
		// Nobody is there, at once.
		"redis.limits.svc:6379", "127.0.0.1:1", "redis:6380", "127.0.0.1:1",
		"sentinel-a:26379", "127.0.0.1:1", "sentinel-b:26379", "127.0.0.1:1", "sentinel-c:26379", "127.0.0.1:1",
	)
	for name, least := range map[string]int{
		"README.md": 3, "docs/traefik.md": 13,
		"docs/failure.md": 1, "docs/keys.md": 2, "docs/kubernetes.md": 1, "docs/moving.md": 2, "docs/redis.md": 1,
	} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		made := 0
		for _, block := range fence.FindAllStringSubmatch(string(content), -1) {
			for _, options := range middlewares(t, block[1], fill.Replace(block[2])) {
				made++
				bothWays(t, func(t *testing.T, p plugin) {
					answer := send(middleware(t, p, options), get("http://app.example.com/api/x")())
					if answer.Code != http.StatusOK && answer.Code != http.StatusServiceUnavailable {
						t.Errorf("%s: got %d for\n%s", name, answer.Code, block[2])
					}
				})
			}
		}
		if made < least {
			t.Errorf("%s: %d middlewares were found, want %d or more", name, made, least)
		}
	}
	if keys := server.MustDo("KEYS", "weir:{per-client:*"); keys == "" {
		t.Error("nothing was counted in Redis")
	}
}

// middlewares are the options of all middlewares of the plugin in a block.
func middlewares(t *testing.T, language, block string) []map[string]any {
	t.Helper()
	if language == "toml" {
		return []map[string]any{fromTOML(t, block)}
	}
	var all []map[string]any
	for _, document := range strings.Split(block, "\n---\n") {
		var read struct {
			HTTP struct {
				Middlewares map[string]struct{ Plugin map[string]yaml.Node }
			}
			Spec     struct{ Plugin map[string]yaml.Node }
			Services map[string]struct{ Labels []string }
		}
		if err := yaml.Unmarshal([]byte(document), &read); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		for _, m := range read.HTTP.Middlewares {
			all = append(all, flow(t, m.Plugin))
		}
		if len(read.Spec.Plugin) > 0 {
			// A custom resource comes without the detour through text.
			var decoded map[string]any
			node := read.Spec.Plugin["weir"]
			if err := node.Decode(&decoded); err != nil {
				t.Fatal(err)
			}
			all = append(all, decoded)
		}
		for _, service := range read.Services {
			all = append(all, fromLabels(t, strings.Join(service.Labels, "\n")))
		}
	}
	return all
}

func flow(t *testing.T, plugin map[string]yaml.Node) map[string]any {
	t.Helper()
	node, ok := plugin["weir"]
	if !ok {
		t.Fatalf("no plugin named weir in %v", plugin)
	}
	text, err := yaml.Marshal(&node)
	if err != nil {
		t.Fatal(err)
	}
	options, err := yaegihost.Options(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return options
}
