package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/weirproxy/weir/core/redistest"
)

// TestLeasedLimit sends many requests at once through both proxies, which fetch
// ahead: all that the limit says come through but for what a proxy has fetched
// and nobody came to it for, and never one too many.
func TestLeasedLimit(t *testing.T) {
	const limit, lease, requests = 40, 4, 100
	redis := redistest.Start(t)
	site := Site(t)
	option := fmt.Sprint("lease: ", lease, " 1m")
	urls := []string{
		Traefik(t, strings.ReplaceAll(exactTraefik(redis.Addr(), site, limit), "match:", option+", match:")).URL,
		Caddy(t, strings.ReplaceAll(exactCaddy(redis.Addr(), site, limit), "algorithm ", strings.Replace(option, ":", "", 1)+"\nalgorithm ")).URL,
	}
	for _, algorithm := range exactAlgorithms {
		t.Run(algorithm, func(t *testing.T) {
			statuses := atOnce(t, requests, urls, algorithm)
			if n := statuses[200]; n > limit || n < limit-2*lease || n+statuses[429] != requests {
				t.Errorf("got %v, want 200 from %d to %d times, and 429", statuses, limit-2*lease, limit)
			}
		})
	}
}

// TestBothLeaseAlike: of twelve requests five ask Redis, whichever the proxy.
func TestBothLeaseAlike(t *testing.T) {
	redis := redistest.Start(t)
	site := Site(t)
	dynamic := exactTraefik(redis.Addr(), site, 1000)
	caddyfile := exactCaddy(redis.Addr(), site, 1000)
	urls := map[string]string{
		"traefik": Traefik(t, strings.NewReplacer("match:", `lease: "8 1m", match:`, "timeout:", "prefix: traefik\n          timeout:").Replace(dynamic)).URL,
		"caddy":   Caddy(t, strings.NewReplacer("algorithm ", "lease 8 1m\nalgorithm ", "timeout ", "prefix caddy\n\t\ttimeout ").Replace(caddyfile)).URL,
	}
	for prefix, url := range urls {
		for left := 999; left >= 988; left-- {
			request, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-Algorithm", "fixed-window")
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if got, want := answer.Header.Get("RateLimit"), fmt.Sprintf(`"fixed-window";r=%d;`, left); !strings.HasPrefix(got, want) {
				t.Errorf("%s: RateLimit %s, want %s", prefix, got, want)
			}
		}
		// One for each of the first 12, and 8 more that the last has fetched.
		if got := strings.Fields(redis.MustDo("GET", prefix+":{fixed-window:127.0.0.1}:fw")); len(got) < 2 || got[1] != "20" {
			t.Errorf("%s: Redis has %v, want 20 taken", prefix, got)
		}
	}
}
