package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/weirproxy/weir/core/redistest"
)

// exactAlgorithms are those that answer at once.
var exactAlgorithms = []string{"fixed-window", "sliding-window", "sliding-log", "token-bucket"}

// TestExactlyTheLimit sends many requests at once through both proxies: as many
// as the limit says come through, whoever decides.
func TestExactlyTheLimit(t *testing.T) {
	const limit, requests = 40, 100
	redis := redistest.Start(t).Addr()
	site := Site(t)
	urls := []string{
		Traefik(t, exactTraefik(redis, site, limit)).URL,
		Caddy(t, exactCaddy(redis, site, limit)).URL,
	}
	for _, algorithm := range exactAlgorithms {
		t.Run(algorithm, func(t *testing.T) {
			statuses := atOnce(t, requests, urls, algorithm)
			if statuses[200] != limit || statuses[429] != requests-limit {
				t.Errorf("got %v, want 200 %d times and 429 %d times", statuses, limit, requests-limit)
			}
		})
	}
}

// atOnce sends the requests together, to the URLs in turn, each with the
// algorithm in a header, and counts the answers by status.
func atOnce(t *testing.T, requests int, urls []string, algorithm string) map[int]int {
	t.Helper()
	var (
		mu       sync.Mutex
		statuses = map[int]int{}
		begin    = make(chan struct{})
		all      sync.WaitGroup
	)
	for i := range requests {
		request, err := http.NewRequestWithContext(t.Context(), "GET", urls[i%len(urls)], nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Algorithm", algorithm)
		all.Go(func() {
			<-begin
			answer, err := client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			mu.Lock()
			statuses[answer.StatusCode]++
			mu.Unlock()
		})
	}
	close(begin)
	all.Wait()
	return statuses
}

// The windows are long, so that nothing is given back during the test.

func exactTraefik(redis, site string, limit int) string {
	var limits strings.Builder
	for _, algorithm := range exactAlgorithms {
		fmt.Fprintf(&limits, "            - {name: %s, algorithm: %[1]s, rate: %d/1d, match: {headers: {X-Algorithm: %[1]s}}}\n", algorithm, limit)
	}
	return fmt.Sprintf(`
http:
  routers:
    all: {rule: "PathPrefix(%s)", middlewares: [limit], service: site}
  middlewares:
    limit:
      plugin:
        weir:
          redis: {address: %q}
          timeout: 5s
          limits:
%s
  services:
    site: {loadBalancer: {servers: [{url: %q}]}}
`, "`/`", redis, &limits, site)
}

func exactCaddy(redis, site string, limit int) string {
	var limits strings.Builder
	for _, algorithm := range exactAlgorithms {
		fmt.Fprintf(&limits, `
		limit %s {
			match {
				header X-Algorithm %[1]s
			}
			algorithm %[1]s
			rate %d/1d
		}
`, algorithm, limit)
	}
	return fmt.Sprintf(`{
	admin {$WEIR_ADMIN}
}
http://{$WEIR_LISTEN} {
	weir {
		redis %s
		timeout 5s
		%s
	}
	reverse_proxy %s
}
`, redis, &limits, site)
}
