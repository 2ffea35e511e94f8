package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/weirproxy/weir/demo/checkout"
)

// TraefikOptions say how to run Traefik.
type TraefikOptions struct {
	// Binary is the program's path, Checkout the root of the checkout whose
	// plugin it loads under the name "weir".
	Binary, Checkout string

	// Listen is the address of the entry point "web", by default a free one on
	// loopback.
	Listen string

	// Dynamic is the dynamic configuration, in YAML.
	Dynamic string

	// LogLevel is Traefik's, by default INFO.
	LogLevel string

	// TrustForwarded has Traefik keep the X-Forwarded-For that clients send, as
	// behind a load balancer.
	TrustForwarded bool

	// Debug adds /debug/vars to the service api@internal, and slows Traefik down.
	Debug bool

	// Output receives what Traefik prints; nil drops it.
	Output io.Writer
}

// Traefik is a running Traefik.
type Traefik struct {
	*process
	URL string

	readyURL   string
	generation int
}

const traefikStatic = `
entryPoints:
  web:
    address: %q
    asDefault: true
    forwardedHeaders: {insecure: %t}
  ready:
    address: %q
providers:
  providersThrottleDuration: 50ms
  file:
    directory: dynamic
    watch: true
experimental:
  localPlugins:
    weir:
      moduleName: %s
log:
  level: %s
ping:
  manualRouting: true
api:
  debug: %t
global:
  checkNewVersion: false
  sendAnonymousUsage: false
`

// traefikReady routes a path for each generation of the dynamic configuration,
// which answers once that generation is applied. Its entry point is its own, so
// that no other route is asked for it.
const traefikReady = `
http:
  routers:
    weir-ready:
      rule: "Path(` + "`%s`" + `)"
      entryPoints: [ready]
      service: ping@internal
`

// StartTraefik runs Traefik in a directory of its own and waits until it serves
// the dynamic configuration.
func StartTraefik(ctx context.Context, options TraefikOptions) (*Traefik, error) {
	if options.Listen == "" {
		free, err := FreeAddress()
		if err != nil {
			return nil, err
		}
		options.Listen = free
	}
	ready, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	if options.LogLevel == "" {
		options.LogLevel = "INFO"
	}
	directory, err := os.MkdirTemp("", "weir-traefik-")
	if err != nil {
		return nil, err
	}
	t := &Traefik{URL: "http://" + options.Listen, readyURL: "http://" + ready}
	if err := t.prepare(directory, ready, options); err != nil {
		os.RemoveAll(directory)
		return nil, err
	}
	command := exec.Command(options.Binary, "--configFile=traefik.yml")
	if t.process, err = start("traefik", directory, command, options.Output); err != nil {
		return nil, err
	}
	if err := t.awaitGeneration(ctx); err != nil {
		t.Stop()
		return nil, err
	}
	// Traefik serves on without plugins if one of them does not load.
	if output := t.Output(); strings.Contains(output, "Plugins are disabled") {
		t.Stop()
		return nil, fmt.Errorf("traefik did not load the plugin:\n%s", output)
	}
	return t, nil
}

func (t *Traefik) prepare(directory, ready string, options TraefikOptions) error {
	if err := checkout.CopyPlugin(options.Checkout, filepath.Join(directory, "plugins-local")); err != nil {
		return err
	}
	static := fmt.Sprintf(traefikStatic, options.Listen, options.TrustForwarded, ready, checkout.Module, options.LogLevel, options.Debug)
	if err := os.WriteFile(filepath.Join(directory, "traefik.yml"), []byte(static), 0o644); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(directory, "dynamic"), 0o755); err != nil {
		return err
	}
	return t.write(directory, options.Dynamic)
}

// Reload replaces the dynamic configuration and waits until it is served.
func (t *Traefik) Reload(ctx context.Context, dynamic string) error {
	if err := t.write(t.directory, dynamic); err != nil {
		return err
	}
	return t.awaitGeneration(ctx)
}

// write puts the configuration in place before the route by which its being
// served is known. Traefik reads the files by name, so the route's comes first:
// who has read the new route will read the new configuration.
func (t *Traefik) write(directory, dynamic string) error {
	t.generation++
	dynamicDirectory := filepath.Join(directory, "dynamic")
	if err := replaceFile(filepath.Join(dynamicDirectory, "configuration.yml"), dynamic); err != nil {
		return err
	}
	return replaceFile(filepath.Join(dynamicDirectory, "a-ready.yml"), fmt.Sprintf(traefikReady, t.readyPath()))
}

func (t *Traefik) readyPath() string { return fmt.Sprintf("/weir-ready/%d", t.generation) }

func (t *Traefik) awaitGeneration(ctx context.Context) error {
	return t.await(ctx, "loading its configuration", func() bool {
		answer, err := http.Get(t.readyURL + t.readyPath())
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// replaceFile writes a file in one step, so that no half of it is read.
func replaceFile(path, content string) error {
	half := path + ".half"
	if err := os.WriteFile(half, []byte(content), 0o644); err != nil {
		return err
	}
	return os.Rename(half, path)
}
