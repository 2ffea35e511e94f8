package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

// csvHead names the columns of the file that the plots are drawn from.
var csvHead = []string{"plot", "panel", "series", "x", "value"}

// csvOf are the medians of all points.
func csvOf(curves []*curve) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(csvHead)
	for _, c := range curves {
		for _, p := range c.points {
			_ = w.Write([]string{c.plot, c.panel, c.series, strconv.Itoa(p.x), short(median(p.rounds))})
		}
	}
	w.Flush()
	return b.Bytes()
}

// writeCurves prints a Markdown table for each plot, a row for each curve.
func writeCurves(w io.Writer, curves []*curve) {
	for i, c := range curves {
		if seenIn(curves[:i], c.plot) {
			continue
		}
		head, rule := "| "+c.plot+" |", "|---|"
		for _, p := range c.points {
			head += fmt.Sprintf(" %d |", p.x)
			rule += "--:|"
		}
		fmt.Fprintf(w, "\n%s last ÷ first |\n%s--:|\n", head, rule)
		for _, row := range curves[i:] {
			if row.plot != c.plot {
				continue
			}
			fmt.Fprintf(w, "| %s: %s |", row.panel, row.series)
			for _, p := range row.points {
				fmt.Fprintf(w, " %s |", short(median(p.rounds)))
			}
			last := row.points[len(row.points)-1]
			fmt.Fprintf(w, " %.2f |\n", medianRatio(last.rounds, row.points[0].rounds))
		}
	}
}

// seenIn reports whether the plot is that of an earlier curve.
func seenIn(earlier []*curve, plot string) bool {
	for _, c := range earlier {
		if c.plot == plot {
			return true
		}
	}
	return false
}

// short has three digits that count.
func short(value float64) string {
	switch {
	case value >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case value >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	default:
		return strconv.FormatFloat(value, 'f', 2, 64)
	}
}
