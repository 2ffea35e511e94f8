//go:build compose

package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestComposeUp builds and runs the compose stack with its Cluster, in which
// six proxies stand: two that share a Redis and four that share the Cluster.
// It needs a container engine with docker compose, the ports that
// docker-compose.yml names, and some minutes:
//
//	go test -tags compose -run TestComposeUp -timeout 30m ./demo/e2e
func TestComposeUp(t *testing.T) {
	t.Cleanup(func() { compose(t, "down", "--volumes") })
	compose(t, "up", "--build", "--detach")
	// Everything but the one that makes the Cluster and ends.
	compose(t, "up", "--detach", "--wait", "traefik", "caddy", "traefik-1", "traefik-2", "caddy-1", "caddy-2")
	for name, proxies := range map[string][]string{
		"one Redis": {"traefik=8080", "caddy=8081"},
		"Cluster":   {"traefik-1=8181", "caddy-1=8182", "traefik-2=8183", "caddy-2=8184"},
	} {
		t.Run(name, func(t *testing.T) {
			// A proxy connects when it starts, which on a busy machine may outlast
			// the time that its first decision has: that is counted in memory.
			for _, proxy := range proxies {
				_, port, _ := strings.Cut(proxy, "=")
				get(t, "http://127.0.0.1:"+port+"/api/try/fixed-window")
			}
			for i := range 4 {
				proxy, port, _ := strings.Cut(proxies[i%len(proxies)], "=")
				answer, body := get(t, "http://127.0.0.1:"+port+"/api/hello")
				want := http.StatusOK
				if i == 3 {
					want = http.StatusTooManyRequests
				}
				if answer.StatusCode != want || want == http.StatusOK && !strings.Contains(body, `"`+proxy+`"`) {
					t.Errorf("call %d, through %s: got %d %s, want %d", i+1, proxy, answer.StatusCode, body, want)
				}
			}
		})
	}
}

// TestComposeProfiles: each profile's configuration is what compose accepts.
func TestComposeProfiles(t *testing.T) {
	for _, profile := range []string{"cluster", "metrics"} {
		command := exec.Command("docker", "compose", "--profile", profile, "config", "--quiet")
		command.Dir = Checkout(t)
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("--profile %s: %v\n%s", profile, err, output)
		}
	}
}

func compose(t *testing.T, arguments ...string) {
	t.Helper()
	command := exec.Command("docker", append([]string{"compose", "--profile", "cluster"}, arguments...)...)
	command.Dir, command.Stdout, command.Stderr = Checkout(t), os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		t.Fatalf("docker compose %s: %v", strings.Join(arguments, " "), err)
	}
}
