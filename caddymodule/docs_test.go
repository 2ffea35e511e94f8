package caddymodule_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirproxy/weir/caddymodule"
	_ "github.com/weirproxy/weir/caddymodule/dropin"
)

// TestDocs runs every configuration in README.md and docs, but for its addresses.
func TestDocs(t *testing.T) {
	t.Setenv("REDIS_PASSWORD", "s/e@c#ret")
	t.Setenv("SENTINEL_PASSWORD", "s/e@c#ret")
	documents, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks [][]string
	for _, document := range append(documents, "../README.md") {
		found := regexp.MustCompile("(?s)```(caddyfile|json)\n(.*?)```").FindAllStringSubmatch(read(t, document), -1)
		blocks = append(blocks, found...)
	}
	if len(blocks) < 18 {
		t.Fatalf("only %d configurations", len(blocks))
	}
	for i, block := range blocks {
		t.Run(fmt.Sprint(block[1], i), func(t *testing.T) {
			address := freeAddress(t)
			config := []byte(strings.ReplaceAll(block[2], `":8080"`, `"`+address+`"`))
			if block[1] == "caddyfile" {
				text := strings.NewReplacer(
					"example.com {", "http://"+address+" {", ":80 {", "http://"+address+" {", ":8080 {", "http://"+address+" {").Replace(block[2])
				var warnings []caddyconfig.Warning
				var err error
				if config, warnings, err = caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil); err != nil {
					t.Fatal(err)
				}
				for _, warning := range warnings {
					if !strings.Contains(warning.Message, "not formatted") {
						t.Error(warning)
					}
				}
			}
			var parsed map[string]any
			if err := json.Unmarshal(config, &parsed); err != nil {
				t.Fatal(err)
			}
			parsed["admin"] = map[string]any{"disabled": true}
			config, err := json.Marshal(parsed)
			if err != nil {
				t.Fatal(err)
			}
			if err := caddy.Load(config, true); err != nil {
				t.Fatal(err)
			}
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestNames: the docs and the dashboard name the metrics that exist, and the
// docs all of them.
func TestNames(t *testing.T) {
	var known []string
	for _, collector := range caddymodule.Collectors() {
		descs := make(chan *prometheus.Desc, 10)
		collector.Describe(descs)
		close(descs)
		for desc := range descs {
			known = append(known, regexp.MustCompile(`fqName: "([^"]*)"`).FindStringSubmatch(desc.String())[1])
		}
	}
	metric := regexp.MustCompile(`caddy_weir_[a-z_]+`)
	suffix := regexp.MustCompile(`_(bucket|count|sum)$`)
	for _, file := range []string{"../docs/caddy.md", "../docs/grafana.json"} {
		text := read(t, file)
		for _, name := range metric.FindAllString(text, -1) {
			if !slices.Contains(known, name) && !slices.Contains(known, suffix.ReplaceAllString(name, "")) {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
		for _, name := range known {
			if !strings.Contains(text, name) {
				t.Errorf("%s: no %s", file, name)
			}
		}
	}
	var dashboard any
	if err := json.Unmarshal([]byte(read(t, "../docs/grafana.json")), &dashboard); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
