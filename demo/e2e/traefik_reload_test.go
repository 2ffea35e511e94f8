package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/proxy"
)

// reloadTraefik has one middleware in memory and one in Redis, each on several
// routers. %[3]d makes each generation another.
const reloadTraefik = `
http:
  routers:
    vars: {rule: "PathPrefix(%[1]s/debug/%[1]s)", service: api@internal}
    memory-a: {rule: "PathPrefix(%[1]s/memory/a%[1]s)", middlewares: [memory], service: site}
    memory-b: {rule: "PathPrefix(%[1]s/memory/b%[1]s)", middlewares: [memory], service: site}
    redis-a: {rule: "PathPrefix(%[1]s/redis/a%[1]s)", middlewares: [redis], service: site}
    redis-b: {rule: "PathPrefix(%[1]s/redis/b%[1]s)", middlewares: [redis], service: site}
    generation: {rule: "PathPrefix(%[1]s/generation/%[3]d%[1]s)", middlewares: [memory, redis], service: site}
  middlewares:
    memory: {plugin: {weir: {limits: [{name: memory, rate: %[5]d/1d}]}}}
    redis: {plugin: {weir: {limits: [{name: redis, rate: %[5]d/1d}], timeout: 5s, redis: {address: %[4]q}}}}
  services:
    site: {loadBalancer: {servers: [{url: %[2]q}]}}
`

// TestTraefikReloads reloads a hundred times under load: no count is lost, no
// request fails, and nothing is left behind by what was replaced.
func TestTraefikReloads(t *testing.T) {
	const reloads, clients, limit = 100, 4, 1_000_000
	redis := redistest.Start(t)
	site := hello(t)
	configuration := func(generation int) string {
		return fmt.Sprintf(reloadTraefik, "`", site, generation, redis.Addr(), limit)
	}
	traefik, log := traefikWith(t, proxy.TraefikOptions{Dynamic: configuration(0), Debug: true})

	var failed atomic.Int64
	var sent [2]atomic.Int64
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				store := n / 2 % 2
				if !served(traefik.URL + "/" + []string{"memory", "redis"}[store] + "/" + []string{"a", "b"}[n%2]) {
					failed.Add(1)
				}
				sent[store].Add(1)
			}
		})
	}
	for generation := range 5 {
		reload(t, traefik, configuration(generation+1))
	}
	goroutines, connections := count(t, traefik.URL), connected(redis)
	for generation := range reloads {
		reload(t, traefik, configuration(generation+6))
	}
	goroutinesAfter, connectionsAfter := count(t, traefik.URL), connected(redis)
	close(stop)
	all.Wait()

	t.Logf("%d reloads under %d requests: goroutines %d, then %d; connections to Redis %d, then %d; failed requests %d",
		reloads, sent[0].Load()+sent[1].Load(), goroutines, goroutinesAfter, connections, connectionsAfter, failed.Load())
	if failed.Load() != 0 {
		t.Errorf("%d requests failed", failed.Load())
	}
	// The load itself makes goroutines come and go: one for each of its
	// connections and the like.
	if goroutinesAfter > goroutines+20 {
		t.Errorf("%d goroutines, %d before", goroutinesAfter, goroutines)
	}
	if connectionsAfter > connections+clients {
		t.Errorf("%d connections to Redis, %d before", connectionsAfter, connections)
	}
	for i, name := range []string{"memory", "redis"} {
		var left int64
		header := ask(t, traefik.URL+"/"+name+"/a").Header.Get("RateLimit")
		if _, err := fmt.Sscanf(header, `"`+name+`";r=%d;`, &left); err != nil {
			t.Fatalf("%s: %v", header, err)
		}
		if used := limit - left; used != sent[i].Load()+1 {
			t.Errorf("%s: %d counted, want %d", name, used, sent[i].Load()+1)
		}
	}
	if lines := log.lines("limit memory: "); len(lines) != 1 {
		t.Errorf("the limit in memory is announced %d times, want once", len(lines))
	}
}

func reload(t *testing.T, traefik *proxy.Traefik, configuration string) {
	t.Helper()
	if err := traefik.Reload(t.Context(), configuration); err != nil {
		t.Fatal(err)
	}
}

func served(url string) bool {
	answer, err := client.Get(url)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err == nil && answer.StatusCode == http.StatusOK
}

// count is Traefik's number of goroutines.
func count(t *testing.T, url string) int {
	t.Helper()
	answer, body := get(t, url+"/debug/vars")
	var vars struct{ Goroutines2 int }
	if err := json.Unmarshal([]byte(body), &vars); err != nil {
		t.Fatalf("%d %v: %s", answer.StatusCode, err, body)
	}
	return vars.Goroutines2
}

// connected is how many clients the server has, without the one that asks.
func connected(redis *redistest.Server) int {
	return strings.Count(strings.TrimSpace(redis.MustDo("CLIENT", "LIST")), "\n")
}
