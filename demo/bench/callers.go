package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// perSecond is how often so many callers take in a second. Each has a taker of
// its own.
func perSecond(ctx context.Context, callers int, lasts time.Duration, newTaker func() func(now time.Time) error) (float64, error) {
	began := time.Now()
	end := began.Add(lasts)
	made, failed := make([]int, callers), make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			take := newTaker()
			n := 0
			for now := time.Now(); now.Before(end) && failed[i] == nil; now = time.Now() {
				if failed[i] = take(now); failed[i] == nil {
					failed[i] = ctx.Err()
				}
				n++
			}
			made[i] = n
		})
	}
	all.Wait()
	sum := 0
	for _, n := range made {
		sum += n
	}
	return float64(sum) / time.Since(began).Seconds(), errors.Join(failed...)
}
