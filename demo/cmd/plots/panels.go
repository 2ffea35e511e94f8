package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// captions say what is along the x axis of each plot.
var captions = map[string]string{
	"limits":  "limits in a decision",
	"clients": "clients that are counted, each with as many requests",
	"routers": "routers in Traefik with the same middleware",
}

const (
	panelTop, panelFloor, panelHeight = 74, 234, 276
	panelLeft, panelRight             = 52, 22
)

// colours are told apart on white by those who see few of them, too.
var colours = []string{"#1f6fb4", "#d04a3a", "#555"}

// drawPanels draws panels side by side, each with a scale from 0 of its own. A
// step along the x axis is twice as much, or ten times.
func drawPanels(caption string, panels []panel) ([]byte, error) {
	if len(panels) == 0 {
		return nil, errors.New("no points")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="What grows with the %s">`+"\n", width, panelHeight, caption)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="#fff"/>`+"\n", width, panelHeight)
	fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#333" text-anchor="middle">%s</text>`+"\n", width/2, panelHeight-10, caption)
	each := width / len(panels)
	for i, p := range panels {
		p.draw(&b, float64(i*each+panelLeft), float64((i+1)*each-panelRight))
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

func (p panel) draw(b *bytes.Buffer, from, to float64) {
	most, last := 0.0, 1.0
	for _, s := range p.series {
		for _, at := range s.points {
			most, last = math.Max(most, at.value), math.Max(last, at.x)
		}
	}
	top := ceiling(most)
	x := func(v float64) float64 {
		if last == 1 {
			return from
		}
		return from + (to-from)*math.Log(v)/math.Log(last)
	}
	y := func(v float64) float64 { return panelFloor - (panelFloor-panelTop)*v/top }

	fmt.Fprintf(b, `<text x="%.0f" y="26" fill="#111" font-weight="600">%s</text>`+"\n", from-panelLeft+14, p.name)
	for _, share := range []float64{0, 0.5, 1} {
		fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", from, to, y(share*top), y(share*top))
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="#555" text-anchor="end">%s</text>`+"\n", from-8, y(share*top)+4, strconv.FormatFloat(share*top, 'g', 4, 64))
	}
	for _, at := range p.series[0].points {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="#555" text-anchor="middle">%s</text>`+"\n", x(at.x), panelFloor+17, thousands(at.x))
	}
	legend := from - panelLeft + 14
	for i, s := range p.series {
		colour := colours[i%len(colours)]
		fmt.Fprintf(b, `<circle cx="%.1f" cy="44" r="4" fill="%s"/><text x="%.1f" y="48" fill="#333">%s</text>`+"\n", legend+4, colour, legend+13, s.name)
		legend += 30 + 6.5*float64(len(s.name))
		fmt.Fprintf(b, `<path fill="none" stroke="%s" stroke-width="2" d="`, colour)
		for j, at := range s.points {
			fmt.Fprintf(b, "%c%.1f %.1f ", "ML"[min(j, 1)], x(at.x), y(at.value))
		}
		b.WriteString(`"/>` + "\n")
		for _, at := range s.points {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(at.x), y(at.value), colour)
		}
	}
}

// ceiling is a round number for an axis to end at.
func ceiling(most float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
		if most <= step*unit {
			return step * unit
		}
	}
	return 10 * unit
}

// thousands writes 100000 as 100k.
func thousands(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 3, 64) + "M"
	case v >= 1e3:
		return strconv.FormatFloat(v/1e3, 'g', 3, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
