package e2e

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/proxy"
)

// The known faults of Traefik's own rateLimit, each beside weir with the same
// options.

// ownAndWeir are routes with the same options for both.
func ownAndWeir(options string) map[string]string {
	return map[string]string{"own": ownOf(options), "weir": weirOf(options)}
}

// patient says how to reach Redis, in time for every decision on a busy machine.
func patient(redis *redistest.Server) string {
	return fmt.Sprintf("redis: {endpoints: [%q], readTimeout: 3s, writeTimeout: 3s}", redis.Addr())
}

func TestTraefikWithRedisDown(t *testing.T) {
	address, err := proxy.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	traefik := Traefik(t, routes(hello(t), ownAndWeir(fmt.Sprintf(`{average: 1, period: 1h, burst: 5, redis: {endpoints: [%q], dialTimeout: 1s}}`, address))))
	if got := ask(t, traefik.URL+"/own").StatusCode; got != http.StatusInternalServerError {
		t.Logf("Traefik's own answers %d without Redis now", got)
	}
	if came := admitted(t, 10, traefik.URL+"/weir"); came != 5 {
		t.Errorf("%d came through without Redis, want the 5 of the burst", came)
	}
}

func TestTraefikWithRedisDownAsOnErrorSays(t *testing.T) {
	address, err := proxy.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	middleware := func(onError string) string {
		return weirOf(fmt.Sprintf(`{rate: 2/1h, onError: %s, redis: {address: %q}}`, onError, address))
	}
	traefik := Traefik(t, routes(hello(t), map[string]string{"local": middleware("local"), "allow": middleware("allow"), "deny": middleware("deny")}))
	for name, want := range map[string]int{"local": 2, "allow": 8, "deny": 0} {
		if came := admitted(t, 8, traefik.URL+"/"+name); came != want {
			t.Errorf("onError %s: %d came through, want %d", name, came, want)
		}
	}
	answer := ask(t, traefik.URL+"/deny")
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("onError deny: got %d %v", answer.StatusCode, answer.Header)
	}
}

// Traefik sends its own clock to Redis, so that proxies whose clocks differ
// refill each other's buckets. weir sends none.
func TestTraefikSendsNoClock(t *testing.T) {
	for name, want := range map[string]bool{"own": true, "weir": false} {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			options := "{average: 10, burst: 5, " + patient(redis) + "}"
			traefik := Traefik(t, routes(hello(t), map[string]string{name: ownAndWeir(options)[name]}))
			redis.MustDo("CONFIG", "SET", "slowlog-log-slower-than", "0")
			redis.MustDo("SLOWLOG", "RESET")
			admitted(t, 2, traefik.URL+"/"+name)
			if got := hasClock(redis.MustDo("SLOWLOG", "GET", "50")); got != want {
				t.Errorf("a clock was sent: %t, want %t", got, want)
			}
		})
	}
}

var number = regexp.MustCompile(`\d{10,}`)

// hasClock reports whether an argument of a script is a time of today, in any
// unit from seconds to nanoseconds. The log's own times stand on lines of their
// own, each above the command's duration and arguments.
func hasClock(slowlog string) bool {
	lines := strings.Split(slowlog, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(strings.ToUpper(line), "EVAL") {
			continue
		}
		for _, argument := range lines[i:min(i+12, len(lines))] {
			if strings.HasPrefix(argument, "127.0.0.1:") {
				break
			}
			for _, digits := range number.FindAllString(argument, -1) {
				at, err := strconv.ParseFloat(digits, 64)
				if err != nil {
					continue
				}
				for _, unit := range []float64{1, 1e3, 1e6, 1e9} {
					if math.Abs(at/unit-float64(time.Now().Unix())) < 86400 {
						return true
					}
				}
			}
		}
	}
	return false
}

// Traefik forgets a bucket in Redis before it is full again, and begins with a
// full one.
func TestTraefikIdleBucketRefillsAtTheRate(t *testing.T) {
	options := "{average: 1, burst: 100, " + patient(redistest.Start(t)) + "}"
	traefik := Traefik(t, routes(hello(t), ownAndWeir(options)))
	for _, name := range []string{"own", "weir"} {
		admitted(t, 110, traefik.URL+"/"+name)
	}
	const idle = 3200 * time.Millisecond
	began := time.Now()
	// The pause is what is tested.
	time.Sleep(idle)
	own := admitted(t, 110, traefik.URL+"/own")
	came := admitted(t, 110, traefik.URL+"/weir")
	due := int(time.Since(began).Seconds()) + 1
	if came < 3 || came > due {
		t.Errorf("%d came through after %s idle, want 3 to %d", came, idle, due)
	}
	t.Logf("after %s idle: %d by Traefik's own, %d by weir, where 3 to %d are due", idle, own, came, due)
}

func TestTraefikAverageOfZeroIsNoLimit(t *testing.T) {
	traefik := Traefik(t, routes(hello(t), ownAndWeir("{average: 0, burst: 1, "+patient(redistest.Start(t))+"}")))
	own := admitted(t, 20, traefik.URL+"/own")
	if came := admitted(t, 20, traefik.URL+"/weir"); came != 20 {
		t.Errorf("%d came through, want all 20", came)
	}
	t.Logf("of 20: %d by Traefik's own", own)
}

func TestTraefikReloadKeepsMemory(t *testing.T) {
	site := hello(t)
	configuration := routes(site, ownAndWeir(`{average: 1, period: 1h, burst: 5}`))
	traefik := Traefik(t, configuration)
	own, came := admitted(t, 3, traefik.URL+"/own"), admitted(t, 3, traefik.URL+"/weir")
	more := strings.Replace(configuration, "  routers:\n", "  routers:\n    more: {rule: \"PathPrefix(`/more`)\", service: site}\n", 1)
	if err := traefik.Reload(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	own += admitted(t, 10, traefik.URL+"/own")
	came += admitted(t, 10, traefik.URL+"/weir")
	if came != 5 {
		t.Errorf("%d came through around a reload, want the 5 of the burst", came)
	}
	t.Logf("of a burst of 5 around a reload: %d by Traefik's own", own)
}

func TestTraefikTellsClientsWhereTheyStand(t *testing.T) {
	traefik := Traefik(t, routes(hello(t), ownAndWeir(`{average: 1, period: 1h, burst: 5}`)))
	header := ask(t, traefik.URL+"/weir").Header
	if header.Get("RateLimit") != `"weir@file";r=4;t=3600` || header.Get("RateLimit-Policy") != `"weir@file";q=5;w=18000` {
		t.Errorf("got %v", header)
	}
	for name := range ask(t, traefik.URL+"/own").Header {
		if strings.Contains(strings.ToLower(name), "ratelimit") {
			t.Logf("Traefik's own has %s now", name)
		}
	}
}
