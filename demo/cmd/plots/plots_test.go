package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/demo/checkout"
)

func TestThePictureIsOfTheCode(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	want, err := draw()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, picturePath))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the algorithms do; make it anew with go run ./demo/cmd/plots", picturePath)
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
