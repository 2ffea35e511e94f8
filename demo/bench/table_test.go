package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	at := func(perSecond float64) measures {
		return measures{perSecond: perSecond, p50: time.Millisecond, p99: 2 * time.Millisecond, cpu: 100 * time.Microsecond}
	}
	var text strings.Builder
	// The second round is slow for all, and moves no ratio.
	write(&text, "Traefik", []row{
		{contestant{limiter: "none"}, []measures{at(1000), at(10), at(1000)}},
		{contestant{limiter: "built-in", store: "Redis", builtIn: true}, []measures{at(500), at(5), at(500)}},
		{contestant{limiter: "weir", store: "Redis"}, []measures{at(750), at(8), at(750)}},
		{contestant{limiter: "weir", store: "Redis", denied: true}, []measures{at(2000), at(20), at(2000)}},
	})
	const rest = " 1.00 | 1.00 | – | 2.00 | 1.00 | – | 100 | 1.00 | – |"
	for i, want := range []string{
		"| Traefik | requests/s | ÷ none | ÷ built-in | p50, ms |",
		"|---|--:|--:|--:|",
		"| no limiter | 1000 | – | – |",
		"| built-in, Redis, allowed | 500 | 0.50 | – |" + rest,
		"| weir, Redis, allowed | 750 | 0.75 | 1.50 | 1.00 | 1.00 | 1.00 |",
		"| weir, Redis, denied | 2000 | 2.00 | – |" + rest,
	} {
		if got := strings.Split(text.String(), "\n")[i]; !strings.HasPrefix(got, want) {
			t.Errorf("line %d is\n%s\nwant\n%s", i, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{2: {3, 1, 2}, 2.5: {4, 1, 2, 3}} {
		if got := median(values); got != want {
			t.Errorf("median of %v is %v, want %v", values, got, want)
		}
	}
}
