package caddymodule

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

const measured = `{
	metrics
}
LISTEN {
	handle /metrics {
		metrics
	}
	weir /a {
		limit measured-a {
			rate 2/1h
		}
		limit measured-dry {
			rate 0/1h
			dry_run
		}
	}
	weir /quiet {
		limit measured-quiet {
			rate 2/1h
		}
		disable_metrics
	}
	respond ok
}`

func wantMetric(t *testing.T, s *caddyServer, lines ...string) {
	t.Helper()
	text := s.get("/metrics").text
	for _, line := range lines {
		if !strings.Contains(text, line) {
			t.Errorf("no metric %s in:\n%s", line, grep(text, "caddy_weir"))
		}
	}
}

func grep(text, word string) string {
	var found strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found.WriteString(line)
		}
	}
	return found.String()
}

// TestMetrics counts what each limit said, and goes on over reloads.
func TestMetrics(t *testing.T) {
	s := serve(t, measured)
	s.statuses(3, "/a")
	s.statuses(3, "/quiet")
	wantMetric(t, s,
		`caddy_weir_decisions_total{limit="measured-a",outcome="allowed"} 2`,
		`caddy_weir_decisions_total{limit="measured-a",outcome="denied"} 1`,
		`caddy_weir_decisions_total{limit="measured-a",outcome="delayed"} 0`,
		`caddy_weir_decisions_total{limit="measured-dry",outcome="would_deny"} 3`,
		`caddy_weir_store_seconds_count{store="memory"}`,
		`caddy_weir_store_errors_total{store="memory"} 0`,
		`caddy_weir_memory_keys 2`)
	decisions := grep(s.get("/metrics").text, "caddy_weir_decisions_total{")
	if got := strings.Count(decisions, "\n"); got != 2*int(outcomeCount) {
		t.Errorf("%d series, want one for each outcome of the two limits with metrics:\n%s", got, decisions)
	}
	for range 3 {
		s.load(measured)
	}
	s.get("/a")
	wantMetric(t, s, `caddy_weir_decisions_total{limit="measured-a",outcome="denied"} 2`, "caddy_weir_memory_keys")
}

// TestMetricsAreClean: Prometheus's own linter has nothing to say.
func TestMetricsAreClean(t *testing.T) {
	s := serve(t, measured)
	s.get("/a")
	var text strings.Builder
	for line := range strings.Lines(s.get("/metrics").text) {
		if strings.Contains(line, "caddy_weir_") {
			text.WriteString(line)
		}
	}
	problems, err := promlint.New(strings.NewReader(text.String())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

// TestRegisterTwice tolerates a registry that knows the metrics already.
func TestRegisterTwice(t *testing.T) {
	registry := prometheus.NewRegistry()
	for range 2 {
		if err := registerMetrics(registry); err != nil {
			t.Fatal(err)
		}
	}
	// Something else of that name is a mistake.
	registry = prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "caddy_weir_memory_keys", Help: "Another."}))
	if err := registerMetrics(registry); err == nil {
		t.Error("no error")
	}
}
