package core

import (
	"context"
	"time"
)

// Wait holds a request back for d. It reports whether the time has passed; it
// returns at once, with false, when the client goes.
func Wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	// Yaegi has no select that may run twice at once.
	over, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-over.Done()
	return ctx.Err() == nil
}
