package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	for name, test := range map[string]struct {
		input string
		well  bool
		last  string
		shows string
	}{
		"passed": {
			`{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Elapsed":0.5}`,
			true, "2 passed, 0 failed", "ok    p  0.5s",
		},
		"failed": {
			`{"Action":"output","Package":"p","Test":"TestA","Output":"a_test.go:1: why\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p"}`,
			false, "1 passed, 1 failed", "a_test.go:1: why",
		},
		"skipped": {
			`{"Action":"output","Package":"p","Test":"TestA","Output":"needs redis-server\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}`,
			false, "1 passed, 0 failed", "needs redis-server",
		},
		"package without tests": {
			`{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"q"}`,
			true, "1 passed, 0 failed", "",
		},
		"does not compile": {
			`{"Action":"build-output","ImportPath":"p [p.test]","Output":"a.go:1: undefined\n"}
{"Action":"fail","Package":"p"}`,
			false, "0 passed, 1 failed", "a.go:1: undefined",
		},
		"ended early": {
			`{"Action":"output","Package":"p","Test":"TestA","Output":"panic: oh\n"}
{"Action":"fail","Package":"p"}`,
			false, "0 passed, 1 failed", "panic: oh",
		},
		"what make prints": {"go test -json ./...\n" + `{"Action":"pass","Package":"p","Test":"TestA"}`, true, "1 passed, 0 failed", "go test -json"},
		"nothing":          {"", false, "0 passed, 0 failed", "no test ran"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			tally := newTally(&out)
			if err := tally.read(strings.NewReader(test.input)); err != nil {
				t.Fatal(err)
			}
			if well := tally.finish(); well != test.well {
				t.Errorf("well: got %t", well)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if last := lines[len(lines)-1]; last != test.last {
				t.Errorf("last line: got %q, want %q", last, test.last)
			}
			if !strings.Contains(out.String(), test.shows) {
				t.Errorf("no %q in:\n%s", test.shows, &out)
			}
		})
	}
}
