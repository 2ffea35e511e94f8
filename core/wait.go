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
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
