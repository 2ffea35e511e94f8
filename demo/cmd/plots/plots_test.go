package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/demo/checkout"
)

func TestThePicturesAreOfTheCode(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := draw(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range pictures {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the algorithms do or %s says; make it anew with go run ./demo/cmd/plots", name, pointsPath)
		}
	}
}

func TestMistakesInThePoints(t *testing.T) {
	const head = "plot,panel,series,x,value\n"
	for content, want := range map[string]string{
		"plot,x\nlimits,1\n":          "want columns",
		head + "limits,µs,a,none,1\n": `x "none"`,
		head + "limits,µs,a,1,-1\n":   `value "-1"`,
	} {
		path := filepath.Join(t.TempDir(), "points.csv")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readPoints(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
	if _, err := drawPanels(captions["limits"], nil); err == nil {
		t.Error("a picture of nothing")
	}
}

func TestScale(t *testing.T) {
	for most, want := range map[float64]float64{0.13: 0.15, 0.9: 1, 1: 1, 1.1: 1.5, 26: 30, 149: 150, 160: 200, 700: 800} {
		if got := ceiling(most); got < want*0.999 || got > want*1.001 {
			t.Errorf("an axis for %v ends at %v, want %v", most, got, want)
		}
	}
}

// What docs/algorithms.md says of each algorithm's worst case.
func TestTheMostInAnyWindow(t *testing.T) {
	most := map[core.Algorithm]int{
		core.SlidingLog:    count,
		core.SlidingWindow: count,
		core.FixedWindow:   2 * count,
		core.TokenBucket:   2*count - 1,
		core.LeakyBucket:   count,
	}
	for algorithm, bound := range most {
		requests, err := decide(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		for at := time.Duration(0); at <= span+window; at += 50 * time.Millisecond {
			if n := passed(requests, at); n > bound {
				t.Errorf("%s: %d passed in the 10 s to %s, at most %d may", algorithm, n, at, bound)
			}
		}
	}
}
