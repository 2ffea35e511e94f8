package main

import (
	"os"
	"os/exec"
	"path/filepath"
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
	if _, err := exec.LookPath("redis-benchmark"); err != nil {
		t.Skipf("%v; apt install redis-tools, or brew install redis", err)
	}
	const tables = 2
	for part, rows := range map[string]int{
		"proxies": len(traefikContestants("")) + len(caddyContestants("")) + tables,
		"store":   2*len(callers) + 1 + 1,
		"scale":   3 + 3 + 6 + 3,
	} {
		t.Run(part, func(t *testing.T) {
			o := small
			o.only, o.data = part, filepath.Join(t.TempDir(), "points.csv")
			var printed strings.Builder
			if err := run(t.Context(), o, &printed); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(printed.String(), "\n| "); got != rows {
				t.Errorf("%d rows and heads, want %d:\n%s", got, rows, printed.String())
			}
			if part != "scale" {
				return
			}
			data, err := os.ReadFile(o.data)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Count(string(data), "\n"), 1+3*4+3*2+6*2; got != want {
				t.Errorf("%d lines of points, want %d:\n%s", got, want, data)
			}
		})
	}
}

var small = options{rounds: 1, connections: 4, duration: 50 * time.Millisecond, clients: 10, routers: 10}

func TestOptions(t *testing.T) {
	if err := small.check(); err != nil {
		t.Error(err)
	}
	for option, change := range map[string]func(*options){
		"-rounds 0":         func(o *options) { o.rounds = 0 },
		"-connections 2000": func(o *options) { o.connections = 2000 },
		"-duration 1h0m0s":  func(o *options) { o.duration = time.Hour },
		"-clients 0":        func(o *options) { o.clients = 0 },
		"-routers 100000":   func(o *options) { o.routers = 100_000 },
		"-only none":        func(o *options) { o.only = "none" },
	} {
		o := small
		change(&o)
		if err := o.check(); err == nil || !strings.Contains(err.Error(), option) {
			t.Errorf("%s: got %v", option, err)
		}
	}
}
