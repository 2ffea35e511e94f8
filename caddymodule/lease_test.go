package caddymodule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirproxy/weir/core/redistest"
)

// TestLease: of twenty requests five ask Redis, all are counted, and what an
// operator changes holds at once.
func TestLease(t *testing.T) {
	server := redistest.Start(t)
	s := serve(t, strings.Replace(`{
	metrics
	weir {
		redis ADDR
	}
}
LISTEN {
	handle /metrics {
		metrics
	}
	weir /a {
		limit leased {
			rate 1000/1d
			lease 8 1m
		}
	}
	respond ok
}`, "ADDR", server.Addr(), 1))
	if len(logLines("limit leased: 1000 in any 1d (sliding-window); up to 8 fetched ahead for 1m")) == 0 {
		t.Error("the log does not tell of the lease")
	}
	left := func(n int) {
		t.Helper()
		if got, want := s.get("/a").Header.Get("RateLimit"), fmt.Sprintf(`"leased";r=%d;`, n); !strings.HasPrefix(got, want) {
			t.Errorf("RateLimit: %s, want %s", got, want)
		}
	}
	for n := 999; n >= 980; n-- {
		left(n)
	}
	wantMetric(t, s, `caddy_weir_decisions_total{limit="leased",outcome="allowed"} 20`)
	if asked := grep(s.get("/metrics").text, "caddy_weir_store_seconds_count"); !strings.Contains(asked, server.Addr()+`"} 5`) {
		t.Errorf("the store was asked:\n%s, want 5 times", asked)
	}
	const path = "/weir/limits/leased/127.0.0.1"
	states, err := admin[[]State](t, "GET", path, "")
	if err != nil || len(states) != 1 || states[0].Remaining != 1000-20 {
		t.Errorf("got %v, %v", states, err)
	}
	left(979)
	left(978)
	if _, err := admin[[]State](t, "DELETE", path, ""); err != nil {
		t.Error(err)
	}
	left(999)
	left(998)
	if _, err := admin[[]State](t, "POST", path, `{"block": "10m"}`); err != nil {
		t.Error(err)
	}
	equal(t, "after a block", s.get("/a").StatusCode, 429)
}
