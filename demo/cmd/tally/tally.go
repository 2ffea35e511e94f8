package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of go test -json.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// test names a test, or with an empty name a package as a whole.
type test struct{ pkg, name string }

type tally struct {
	out                     io.Writer
	passed, failed, skipped int
	output                  map[test][]string
	failedIn                map[string]bool
	skippedTests            []string
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, output: map[test][]string{}, failedIn: map[string]bool{}}
}

// read follows a test run. What is not an event is passed on.
func (t *tally) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(t.out, line)
			} else {
				t.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tally) take(e event) {
	of := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "output":
		t.output[of] = append(t.output[of], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(e)
		} else {
			t.endTest(e)
		}
		delete(t.output, of)
	}
}

func (t *tally) endTest(e event) {
	switch e.Action {
	case "pass":
		t.passed++
		return
	case "fail":
		t.failed++
		t.failedIn[e.Package] = true
	case "skip":
		t.skipped++
		t.skippedTests = append(t.skippedTests, e.Package+" "+e.Test)
	}
	t.show(test{e.Package, e.Test})
}

// endPackage counts a package that failed without a failed test, because it
// does not compile or ended early, as one failure.
func (t *tally) endPackage(e event) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(t.out, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		fmt.Fprintf(t.out, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
		t.show(test{e.Package, ""})
		for of := range t.output {
			// Tests that had not ended when the package did.
			if of.pkg == e.Package && of.name != "" {
				t.show(of)
			}
		}
		if !t.failedIn[e.Package] {
			t.failed++
		}
	}
	// A package without tests is "skip": nothing to count.
}

func (t *tally) show(of test) {
	for _, line := range t.output[of] {
		fmt.Fprint(t.out, line)
	}
}

// finish prints the sum, last, and reports whether all is well.
func (t *tally) finish() bool {
	for _, name := range t.skippedTests {
		fmt.Fprintln(t.out, "skipped:", name)
	}
	if t.passed+t.failed == 0 {
		fmt.Fprintln(t.out, "no test ran")
	}
	fmt.Fprintf(t.out, "%d passed, %d failed\n", t.passed, t.failed)
	return t.failed == 0 && t.skipped == 0 && t.passed > 0
}
