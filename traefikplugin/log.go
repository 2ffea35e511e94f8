package traefikplugin

import (
	"fmt"
	"log"

	"github.com/weirproxy/weir/core"
)

// Traefik logs what a plugin writes to its standard output at DEBUG, and what it
// writes to its standard error at ERROR. It has nothing in between.

func logInfo(line string) { fmt.Println("weir: " + line) }

func logError(line string) {
	// Yaegi gives a plugin Traefik's log by this writer, and not by os.Stderr.
	_, _ = fmt.Fprintln(log.Writer(), "weir: "+line)
}

// logStore tells what happened to a store. A store that is back is told where
// its loss was.
func logStore(name string, event core.Event, err error) {
	switch event {
	case core.StoreFailed:
		logInfo(fmt.Sprintf("%s did not decide a request: %v", name, err))
	case core.StoreLost:
		logError(fmt.Sprintf("%s is lost, onError applies: %v", name, err))
	case core.StoreBack:
		logError(name + " is back")
	}
}
