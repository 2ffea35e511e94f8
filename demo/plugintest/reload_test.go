package plugintest

import (
	"context"
	"strings"
	"testing"
)

// Traefik makes a middleware for each router at each reload, and ends the old
// ones' context first.
func TestReloadsKeepCounts(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		const routers, perReload = 5, 2
		end := context.CancelFunc(func() {})
		came := 0
		for range 20 {
			end()
			var ctx context.Context
			ctx, end = context.WithCancel(t.Context())
			for router := range routers {
				handler, err := p.New(ctx, reached, t.Name(), map[string]any{"rate": "100/1h"})
				if err != nil {
					t.Fatal(err)
				}
				if router < perReload {
					came += allowed(handler, 4, get("/"))
				}
			}
		}
		end()
		if came != 100 {
			t.Errorf("%d came through in 20 reloads, want 100", came)
		}
	})
}

// A live limit that is changed goes on from where it is.
func TestReloadChangesALimit(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		if n := allowed(middleware(t, p, map[string]any{"rate": "4/1h"}), 10, get("/")); n != 4 {
			t.Fatalf("%d came through, want 4", n)
		}
		if n := allowed(middleware(t, p, map[string]any{"rate": "10/1h"}), 20, get("/")); n != 6 {
			t.Errorf("%d more came through, want 6", n)
		}
	})
}

// The line that says what a limit does is not repeated.
func TestLogsOnce(t *testing.T) {
	p := interpreted(t)
	for range 10 {
		middleware(t, p, map[string]any{"rate": "5/1m, 20/1h", "key": "header:X-Api-Key|ip"})
	}
	for _, want := range []string{
		"weir: " + t.Name() + ": limit " + t.Name() + "-1m: 5 in any 1m (sliding-window), for each header:X-Api-Key|ip, counted in memory",
		"weir: " + t.Name() + ": limit " + t.Name() + "-1h: 20 in any 1h (sliding-window), for each header:X-Api-Key|ip, counted in memory",
	} {
		if n := strings.Count(logged.String(), want); n != 1 {
			t.Errorf("%d times: %s", n, want)
		}
	}
}

func TestDenialsAreLogged(t *testing.T) {
	handler := middleware(t, interpreted(t), map[string]any{"rate": "1/1h", "key": "header:X-Api-Key"})
	for range 2 {
		send(handler, get("/", "X-Api-Key", "secret-key")())
	}
	log := logged.String()
	if want := "limit " + t.Name() + " denied 192.0.2.1 for "; !strings.Contains(log, want) {
		t.Errorf("no %q in the log", want)
	}
	if strings.Contains(log, "secret-key") {
		t.Error("the log has a client's key in it")
	}
}
