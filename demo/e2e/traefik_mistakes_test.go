package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/weirproxy/weir/demo/proxy"
)

// traefikMistakes are one of each kind that weir finds when it reads a
// configuration, with what it says. demo/plugintest has many more.
var traefikMistakes = map[string]struct{ options, want string }{
	"unknown":     {`{rate: 1/s, algoritm: fixed-window}`, `weir: unknown option: "algoritm": want algorithm`},
	"nested":      {`{limits: [{name: a, rate: 1/s, match: {path: /x}}]}`, `weir: unknown option: "limits[0].match.path": want paths`},
	"rate":        {`{rate: 100 a minute}`, `weir: rate: "100 a minute": want 100/1m, 10/s, 100 per 15 minutes or unlimited`},
	"burst":       {`{rate: 1/s, burst: 5}`, `weir: burst: "5": want no burst with sliding-window`},
	"names":       {`{limits: [{name: a, rate: 1/s}, {name: a, rate: 2/s}]}`, `weir: limits[1].name: "a": want a name of its own`},
	"cost":        {`{rate: 3/s, cost: 5}`, `weir: cost: "5": want at most 3`},
	"address":     {`{rate: 1/s, redis: {address: redis}}`, `weir: redis.address: "redis": want a port: redis:6379`},
	"network":     {`{rate: 1/s, trustedProxies: [10.0.0.0/33]}`, `weir: trustedProxies: "10.0.0.0/33": want an address or a network`},
	"certificate": {`{rate: 1/s, redis: {address: "redis:6379", tls: {ca: /nowhere/ca.pem}}}`, `weir: redis.tls.ca: "/nowhere/ca.pem": want a file that can be read`},
	"count":       {`{rate: 2000000000/1m}`, `weir: rate: "2000000000/1m": want a count from 0 to 1000000000`},
	"window":      {`{rate: 1/400d}`, `weir: rate: "1/400d": want a window from 1ms to 366d`},
	"log":         {`{rate: 20000/1m, algorithm: sliding-log}`, `weir: rate: "20000/1m": want a count of at most 10000 for a sliding-log`},
	"secret":      {`{rate: 1/s, redis: {address: "redis:6379", password: "env:WEIR_NOT_SET"}}`, `weir: redis.password: "env:WEIR_NOT_SET": want the name of a variable`},
}

// TestTraefikMistakes: each is told in Traefik's log, its router answers as
// Traefik's do whose middleware is broken, and the others go on.
func TestTraefikMistakes(t *testing.T) {
	middlewares := map[string]string{
		"sound": weirOf(`{rate: 100/1m}`),
		// Traefik's own words for what it takes for broken.
		"broken": ownOf(`{average: 1, sourceCriterion: {requestHost: true, requestHeaderName: X}}`),
	}
	for name, mistake := range traefikMistakes {
		middlewares[name] = weirOf(mistake.options)
	}
	traefik, log := traefikWith(t, proxy.TraefikOptions{Dynamic: routes(hello(t), middlewares)})
	want := ask(t, traefik.URL+"/broken").StatusCode
	if want == http.StatusOK {
		t.Fatal("Traefik serves what it takes for broken")
	}
	for name, mistake := range traefikMistakes {
		if got := ask(t, traefik.URL+"/"+name).StatusCode; got != want {
			t.Errorf("%s: got %d, want %d as for any broken middleware", name, got, want)
		}
		eventually(t, fmt.Sprintf("%s: %s in the log", name, mistake.want), func() bool {
			for _, line := range log.lines("ERR") {
				if strings.Contains(strings.ReplaceAll(line, `\"`, `"`), mistake.want) && strings.Contains(line, fmt.Sprintf("routerName=%s@file", name)) {
					return true
				}
			}
			return false
		})
	}
	if got := ask(t, traefik.URL+"/sound").StatusCode; got != http.StatusOK {
		t.Errorf("the sound one: got %d", got)
	}
}
