package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// measures are of one contestant in one round.
type measures struct {
	perSecond     float64
	p50, p99, cpu time.Duration // cpu is for each request
}

// row is one contestant through all rounds.
type row struct {
	contestant
	rounds []measures
}

// columns are what a table shows of measures, each with how it is written.
var columns = []struct {
	title  string
	of     func(measures) float64
	format string
}{
	{"requests/s", func(m measures) float64 { return m.perSecond }, "%.0f"},
	{"p50, ms", func(m measures) float64 { return millis(m.p50) }, "%.2f"},
	{"p99, ms", func(m measures) float64 { return millis(m.p99) }, "%.2f"},
	{"CPU a request, µs", func(m measures) float64 { return 1000 * millis(m.cpu) }, "%.0f"},
}

// write prints a Markdown table of the rows, the first of which has no limiter.
func write(w io.Writer, proxy string, rows []row) {
	ratios := []string{"÷ none"}
	if slices.ContainsFunc(rows, func(r row) bool { return r.builtIn }) {
		ratios = append(ratios, "÷ built-in")
	}
	head, rule := "| "+proxy+" |", "|---|"
	for _, c := range columns {
		head += " " + c.title + " | " + strings.Join(ratios, " | ") + " |"
		rule += strings.Repeat("--:|", 1+len(ratios))
	}
	fmt.Fprintf(w, "%s\n%s\n", head, rule)
	for _, r := range rows {
		fmt.Fprintf(w, "| %s |", r.label())
		for _, c := range columns {
			values := make([]float64, len(r.rounds))
			for i, m := range r.rounds {
				values[i] = c.of(m)
			}
			fmt.Fprintf(w, " "+c.format+" | %s |", median(values), ratio(r, rows[:1], c.of))
			if len(ratios) > 1 {
				fmt.Fprintf(w, " %s |", ratio(r, builtInBeside(r, rows), c.of))
			}
		}
		fmt.Fprintln(w)
	}
}

// builtInBeside finds the proxy's own limiter on the same store and path, a
// lease or not.
func builtInBeside(r row, rows []row) []row {
	for i, other := range rows {
		if other.builtIn && !r.builtIn && strings.HasPrefix(r.store, other.store) && other.denied == r.denied {
			return rows[i : i+1]
		}
	}
	return nil
}

// ratio is the median of each round's own ratio to the first of base, so that
// what slows a whole round down does not count.
func ratio(r row, base []row, of func(measures) float64) string {
	if len(base) == 0 || base[0].label() == r.label() {
		return "–"
	}
	own, beside := make([]float64, len(r.rounds)), make([]float64, len(r.rounds))
	for i, m := range r.rounds {
		own[i], beside[i] = of(m), of(base[0].rounds[i])
	}
	return fmt.Sprintf("%.2f", medianRatio(own, beside))
}

// medianRatio is the median of each round's own ratio.
func medianRatio(values, base []float64) float64 {
	ratios := make([]float64, len(values))
	for i := range values {
		ratios[i] = values[i] / base[i]
	}
	return median(ratios)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
