// Command tally reads the output of go test -json, shows what went wrong and
// how each package went, and ends with one line: N passed, N failed. It fails if
// a test failed, was skipped, or if there was none.
package main

import (
	"fmt"
	"os"
)

func main() {
	tally := newTally(os.Stdout)
	if err := tally.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(2)
	}
	if !tally.finish() {
		os.Exit(1)
	}
}
