package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"time"

	"github.com/weirproxy/weir/core"
)

var algorithmsPath = filepath.Join("docs", "algorithms.svg")

const (
	width, left, right = 860, 130, 20
	rowHeight, top     = 96, 46
	most               = 20 // requests in a window that the scale has room for
)

// drawAlgorithms makes a picture: a row for each algorithm, with the requests that
// passed and were denied as marks and the number that passed in the last window
// as an area.
func drawAlgorithms() ([]byte, error) {
	var b bytes.Buffer
	algorithms := core.Algorithms()
	height := top + rowHeight*len(algorithms) + 26
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="What each algorithm lets through of the same traffic">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="24" fill="#333">%s for one client. Marks: requests that passed (blue) and were denied (red). Area: passed in the last 10 s; line: 10.</text>`+"\n", 14, rate)
	for i, algorithm := range algorithms {
		requests, err := decide(algorithm)
		if err != nil {
			return nil, err
		}
		row(&b, algorithm.String(), requests, top+rowHeight*i)
	}
	axis(&b, top+rowHeight*len(algorithms))
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

func row(b *bytes.Buffer, name string, requests []request, y int) {
	floor := y + rowHeight - 22
	scale := func(n int) float64 { return float64(floor) - float64(n)*float64(rowHeight-34)/most }
	fmt.Fprintf(b, `<text x="14" y="%d" fill="#111" font-weight="600">%s</text>`+"\n", y+40, name)
	fmt.Fprintf(b, `<path fill="#cfe3f7" d="M%.1f %d`, position(0), floor)
	for t := time.Duration(0); t <= span; t += 100 * time.Millisecond {
		fmt.Fprintf(b, " L%.1f %.1f", position(t), scale(passed(requests, t)))
	}
	fmt.Fprintf(b, ` L%.1f %d Z"/>`+"\n", position(span), floor)
	fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#888" stroke-dasharray="4 3"/>`+"\n", position(0), position(span), scale(count), scale(count))
	for _, r := range requests {
		if r.allowed && r.left <= span {
			mark(b, r.left, floor+3, "#1f6fb4")
		} else if !r.allowed {
			mark(b, r.at, floor+12, "#d04a3a")
		}
	}
}

func mark(b *bytes.Buffer, t time.Duration, y int, colour string) {
	fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s" stroke-width="1.5"/>`+"\n", position(t), position(t), y, y+7, colour)
}

func axis(b *bytes.Buffer, y int) {
	for t := time.Duration(0); t <= span; t += window {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="#555" text-anchor="middle">%d s</text>`+"\n", position(t), y+14, int(t.Seconds()))
	}
}

func position(t time.Duration) float64 {
	return left + float64(width-left-right)*t.Seconds()/span.Seconds()
}
