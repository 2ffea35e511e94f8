package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/proxy"
)

const commandTraefik = `
http:
  routers:
    all: {rule: "PathPrefix(%[1]s/%[1]s)", middlewares: [limit], service: site}
  middlewares:
    limit:
      plugin:
        weir:
          redis: {address: %q}
          timeout: 5s
          limits:
            - {name: shared, rate: 5/1h}
  services:
    site: {loadBalancer: {servers: [{url: %q}]}}
`

const commandCaddy = `{
	admin {$WEIR_ADMIN}
	weir {
		redis %s
		timeout 5s
	}
}
http://{$WEIR_LISTEN} {
	weir {
		limit shared {
			rate 5/1h
		}
		limit per-key {
			match /keys
			key {header.X-Api-Key}
			rate 1/1h
		}
	}
	reverse_proxy %s
}
`

// TestCaddyCommand: what `caddy weir` changes is changed at once in both
// proxies.
func TestCaddyCommand(t *testing.T) {
	redis := redistest.Start(t).Addr()
	site := Site(t)
	traefik := Traefik(t, fmt.Sprintf(commandTraefik, "`", redis, site))
	caddy := Caddy(t, fmt.Sprintf(commandCaddy, redis, site))
	both := func(what string, want int) {
		t.Helper()
		for _, url := range []string{traefik.URL, caddy.URL} {
			// A denial is remembered for a second at most.
			deadline := time.Now().Add(1500 * time.Millisecond)
			for {
				answer, _ := get(t, url+"/")
				if answer.StatusCode == want {
					break
				}
				if want != http.StatusOK || time.Now().After(deadline) {
					t.Fatalf("%s: %s answers %d, want %d", what, url, answer.StatusCode, want)
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	}

	table := weir(t, caddy, "limits")
	for _, want := range []string{"LIMIT", "shared", "5/1h", "sliding-window", "{client_ip}", "per-key", "{http.request.header.X-Api-Key}", redis} {
		if !strings.Contains(table, want) {
			t.Errorf("caddy weir limits: no %s in\n%s", want, table)
		}
	}
	both("before", http.StatusOK)
	weir(t, caddy, "block", "shared", "127.0.0.1", "10m")
	both("blocked", http.StatusTooManyRequests)
	peek := weir(t, caddy, "peek", "shared", "127.0.0.1")
	if !strings.Contains(peek, "denied") || !strings.Contains(peek, "weir:{shared:127.0.0.1}:sw") {
		t.Errorf("caddy weir peek: got\n%s", peek)
	}
	weir(t, caddy, "reset", "shared", "127.0.0.1")
	both("reset", http.StatusOK)

	var states []struct {
		Limit     string `json:"limit"`
		Allowed   bool   `json:"allowed"`
		Remaining int    `json:"remaining"`
	}
	if err := json.Unmarshal([]byte(weir(t, caddy, "peek", "shared", "127.0.0.1", "--json")), &states); err != nil {
		t.Fatal(err)
	}
	if len(states) != 1 || !states[0].Allowed || states[0].Remaining != 3 {
		t.Errorf("caddy weir peek --json: got %+v, want 3 of 5 left", states)
	}
}

// TestCaddyCommandMistakes end with status 1 and say what is wrong.
func TestCaddyCommandMistakes(t *testing.T) {
	caddy := Caddy(t, fmt.Sprintf(commandCaddy, redistest.Start(t).Addr(), Site(t)))
	for name, test := range map[string]struct {
		arguments []string
		want      string
	}{
		"fail/unknown-limit": {[]string{"peek", "shard", "127.0.0.1"}, `\"shard\": want shared`},
		"fail/no-address":    {[]string{"reset", "shared", "bob"}, `\"bob\": want an address`},
		"fail/duration":      {[]string{"block", "shared", "127.0.0.1", "long"}, `\"long\": want a duration`},
		"fail/arguments":     {[]string{"block", "shared", "127.0.0.1"}, `accepts 3 arg(s), received 2`},
	} {
		t.Run(name, func(t *testing.T) {
			output, err := caddy.Run(t.Context(), weirArguments(caddy, test.arguments...)...)
			if exitCode(err) != 1 || !strings.Contains(strings.ReplaceAll(output, `\\\"`, `\"`), test.want) {
				t.Errorf("got %v and %s\nwant exit status 1 and %s", err, output, test.want)
			}
		})
	}
}

func weirArguments(caddy *proxy.Caddy, arguments ...string) []string {
	return append(append([]string{"weir"}, arguments...), "--address", strings.TrimPrefix(caddy.AdminURL, "http://"))
}

// weir runs `caddy weir` on a running Caddy.
func weir(t *testing.T, caddy *proxy.Caddy, arguments ...string) string {
	t.Helper()
	output, err := caddy.Run(t.Context(), weirArguments(caddy, arguments...)...)
	if err != nil {
		t.Fatalf("caddy weir %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return output
}
