package caddymodule

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what Caddyfiles adapt to into the golden files")

// TestAdapt compares what each Caddyfile in testdata/adapt adapts to with the
// JSON that follows it there.
func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddytest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddytest"), func(t *testing.T) { golden(t, file) })
	}
}

const ruler = "\n----------\n"

func golden(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	caddyfile, want, _ := strings.Cut(string(text), ruler)
	result, err := adapt(caddyfile)
	if err != nil {
		t.Fatal(err)
	}
	got := pretty(t, result)
	if *update {
		if err := os.WriteFile(file, []byte(strings.TrimSuffix(caddyfile, "\n")+"\n"+ruler[1:]+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s: adapts to\n%s", file, got)
	}
}
