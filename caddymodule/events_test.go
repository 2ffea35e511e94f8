package caddymodule

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(testSubscriber{}) }

// testSubscriber keeps the data of events.
type testSubscriber struct{}

var emitted struct {
	sync.Mutex
	data []map[string]any
}

func (testSubscriber) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.weir_test", New: func() caddy.Module { return testSubscriber{} }}
}

func (testSubscriber) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (testSubscriber) Handle(_ context.Context, event caddy.Event) error {
	emitted.Lock()
	defer emitted.Unlock()
	emitted.data = append(emitted.data, event.Data)
	return nil
}

// TestEvent is emitted for each denial, with what mholt/caddy-ratelimit has in
// it.
func TestEvent(t *testing.T) {
	s := serve(t, `{
	events {
		on rate_limit_exceeded weir_test
	}
}
LISTEN {
	weir {
		limit watched {
			rate 1/1h
			algorithm fixed-window
		}
	}
	respond ok
}`)
	emitted.Lock()
	emitted.data = nil
	emitted.Unlock()
	equal(t, "statuses", s.statuses(2, "/"), "200 429")
	emitted.Lock()
	defer emitted.Unlock()
	if len(emitted.data) != 1 {
		t.Fatalf("got %v, want one event", emitted.data)
	}
	data := emitted.data[0]
	equal(t, "zone", data["zone"], any("watched"))
	equal(t, "limit", data["limit"], any("watched"))
	equal(t, "remote_ip", data["remote_ip"], any("127.0.0.1"))
	if wait, ok := data["wait"].(time.Duration); !ok || wait <= 59*time.Minute || wait > time.Hour {
		t.Errorf("wait: got %v", data["wait"])
	}
}

// TestLog says at start what each limit does, and who was denied by which.
func TestLog(t *testing.T) {
	const secret = "s3cr3t"
	site := `
LISTEN {
	weir {
		limit said {
			key {header.X-Api-Key}
			rate 1/1h, 2/1d
		}
		OPTION
	}
	respond ok
}`
	t.Run("without keys", func(t *testing.T) {
		s := serve(t, replaceOption(site, ""))
		if got := logLines("limit said-1h: 1 in any 1h (sliding-window)", "memory"); len(got) != 1 {
			t.Errorf("at start: %q", got)
		}
		s.statuses(2, "/", "X-Api-Key", secret)
		logged.Lock()
		text := logged.text.String()
		logged.Unlock()
		if got := logLines("request denied", "info", `"limit":"said-1h"`, `"client":"127.0.0.1"`); len(got) != 1 {
			t.Errorf("of a denial: %q", got)
		}
		if grep(text, secret) != "" {
			t.Errorf("the key is in the log: %s", grep(text, secret))
		}
	})
	t.Run("log_key", func(t *testing.T) {
		s := serve(t, replaceOption(site, "log_key"))
		logLines()
		s.statuses(2, "/", "X-Api-Key", secret)
		if got := logLines("request denied", `"key":"`+secret+`"`); len(got) == 0 {
			t.Error("no denial with its key in the log")
		}
	})
	t.Run("two of one name", func(t *testing.T) {
		serve(t, "LISTEN {\n\tweir /a 1/1h\n\tweir /b 2/1h\n\trespond ok\n}")
		if got := logLines("two limits of one name share their counters"); len(got) != 1 {
			t.Errorf("logged %q", got)
		}
	})
	t.Run("unlimited", func(t *testing.T) {
		s := serve(t, "LISTEN {\n\tweir unlimited\n\trespond ok\n}")
		if got := logLines("limit default: unlimited"); len(got) != 1 {
			t.Errorf("logged %q", got)
		}
		equal(t, "statuses", s.statuses(2, "/"), "200 200")
	})
}

func replaceOption(site, option string) string { return strings.Replace(site, "OPTION", option, 1) }
