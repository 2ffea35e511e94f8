package core

import "strings"

// Algorithm is how a limit counts.
type Algorithm int

const (
	// SlidingWindow counts in windows and adds the previous window's count,
	// weighted by how much of it still overlaps the last window's length.
	// Two counts a key; see Cloudflare, "How we built rate limiting capable of
	// scaling to millions of domains" (2017).
	SlidingWindow Algorithm = iota

	// SlidingLog keeps the time of each unit that passed: exact at any moment,
	// 8 bytes a unit.
	SlidingLog

	// FixedWindow counts in a window that starts with the key's first request.
	FixedWindow

	// TokenBucket has a bucket of burst units that refills evenly at the rate:
	// the generic cell rate algorithm, ITU-T I.371, annex A.
	TokenBucket

	// LeakyBucket lets requests leave evenly spaced at the rate; up to burst of
	// them wait for their turn, the rest are denied. It is a token bucket of one
	// that holds requests back.
	LeakyBucket
)

var algorithms = []struct{ name, tag string }{
	SlidingWindow: {"sliding-window", "sw"},
	SlidingLog:    {"sliding-log", "sl"},
	FixedWindow:   {"fixed-window", "fw"},
	TokenBucket:   {"token-bucket", "tb"},
	LeakyBucket:   {"leaky-bucket", "lb"},
}

// Algorithms are all there are.
func Algorithms() []Algorithm {
	return []Algorithm{SlidingWindow, SlidingLog, FixedWindow, TokenBucket, LeakyBucket}
}

// String is the name in a configuration, such as "token-bucket".
func (a Algorithm) String() string { return algorithms[a].name }

// Tag is the short name that ends a key, such as "tb".
func (a Algorithm) Tag() string { return algorithms[a].tag }

// Waits reports whether the algorithm can hold a request back, and so has a
// burst and a longest wait.
func (a Algorithm) Waits() bool { return a == TokenBucket || a == LeakyBucket }

// ParseAlgorithm reads a name; "" is SlidingWindow. The error is of type
// *OptionError, for the option "algorithm".
func ParseAlgorithm(s string) (Algorithm, error) {
	if s == "" {
		return SlidingWindow, nil
	}
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		if a.name == strings.ToLower(s) {
			return Algorithm(i), nil
		}
		names[i] = a.name
	}
	want := Nearest(s, names)
	if want == "" {
		want = "one of " + strings.Join(names, ", ")
	}
	return 0, &OptionError{"algorithm", s, want}
}
