package main

import (
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
)

const (
	span   = 60 * time.Second
	window = 10 * time.Second
	rate   = "10/10s"
	count  = 10
)

// request is one of the client's: when it came, whether it passed, and when.
type request struct {
	at      time.Duration
	allowed bool
	left    time.Duration
}

// offered is a client that makes a call a second, hurries twice for a few
// seconds, the second time around the end of a window, and then rests.
func offered() []time.Duration {
	var times []time.Duration
	for at := time.Duration(0); at < span; {
		times = append(times, at)
		switch {
		case at >= 14*time.Second && at < 17*time.Second, at >= 28*time.Second && at < 32*time.Second:
			at += 200 * time.Millisecond
		case at >= 32*time.Second && at < 44*time.Second:
			at += 12 * time.Second
		default:
			at += time.Second
		}
	}
	return times
}

// decide runs the traffic through one algorithm, in the store that the proxies
// use.
func decide(algorithm core.Algorithm) ([]request, error) {
	limits, err := core.Spec{Name: "plot", Rate: rate, Algorithm: algorithm.String(), Cost: 1}.Limits(core.DefaultPrefix)
	if err != nil {
		return nil, err
	}
	store := memory.New(1)
	defer store.Close()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	hits := []core.Hit{{Limit: limits[0], Identity: "client", Cost: 1}}
	var requests []request
	for _, at := range offered() {
		if err := store.Take(start.Add(at), hits); err != nil {
			return nil, err
		}
		r := hits[0].Result
		requests = append(requests, request{at, r.Allowed, at + r.Delay})
	}
	return requests, nil
}

// passed is how many requests passed in the window that ends at t.
func passed(requests []request, t time.Duration) int {
	n := 0
	for _, r := range requests {
		if r.allowed && r.left <= t && r.left > t-window {
			n++
		}
	}
	return n
}
