package main

import (
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/e2e"
	"github.com/weirproxy/weir/demo/tools"
)

// Too short to measure anything, long enough to see that every route allows or
// denies as it should, and that nothing is left.
func TestRun(t *testing.T) {
	t.Setenv(tools.TraefikEnv, e2e.TraefikBinary(t))
	t.Setenv(tools.CaddyEnv, e2e.CaddyBinary(t))
	redistest.Start(t).Stop() // or skips the test
	var printed strings.Builder
	if err := run(t.Context(), options{rounds: 1, connections: 4, duration: 50 * time.Millisecond}, &printed); err != nil {
		t.Fatal(err)
	}
	rows := len(traefikContestants("")) + len(caddyContestants(""))
	if got := strings.Count(printed.String(), "\n| "); got != rows+2 {
		t.Errorf("%d rows, want %d and two heads:\n%s", got, rows, printed.String())
	}
}

func TestOptions(t *testing.T) {
	good := options{rounds: 1, connections: 1, duration: time.Second}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for option, o := range map[string]options{
		"-rounds 0":         {rounds: 0, connections: 1, duration: time.Second},
		"-connections 2000": {rounds: 1, connections: 2000, duration: time.Second},
		"-duration 1h0m0s":  {rounds: 1, connections: 1, duration: time.Hour},
	} {
		if err := o.check(); err == nil || !strings.Contains(err.Error(), option) {
			t.Errorf("%s: got %v", option, err)
		}
	}
}
