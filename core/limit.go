package core

import (
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
	"time"
)

// Limit is one rate for each identity that it counts. Spec.Limits makes it and
// checks it; it does not change afterwards.
type Limit struct {
	// Name is the limit's own. Limits of one name, prefix and store share
	// counters.
	Name string

	Rate      Rate
	Algorithm Algorithm

	// Burst is the size of a token bucket, or how many may wait before a leaky
	// one; 0 for the other algorithms.
	Burst int64

	// MaxWait is the longest that a request is held back, 0 to deny at once.
	MaxWait time.Duration

	// DryRun makes the limit decide and count, and neither deny nor delay.
	DryRun bool

	// Lease is what may be fetched ahead; none unless its Units are 1 or more.
	Lease Lease

	// Scope is the part of Key that all identities of the limit share.
	Scope string

	// Salt is a hash of Scope in 32 bits, to mix into an identity's.
	Salt uint64

	// Around an identity, head and tail make the key in a store.
	head, tail string

	// For a store's script: the numbers below as text, and the same with a cost
	// of one, the usual case.
	parameters, parametersOne string

	// For the header fields: RateLimit up to what remains, and the policy.
	remaining, policy string

	capacity int64
	window   int64 // µs

	// exact is how many units times the window is still a whole number in a
	// 64-bit float.
	exact int64

	// Of the buckets, in µs as a float, since a fast rate has a fraction of one
	// between two units: the time between two units, the most debt a bucket
	// holds before a request waits, and before it is denied, and how much of
	// that makes up for rounding.
	interval, free, ceiling, allowance float64

	room float64 // of a bucket, what Remaining is a part of, in µs
}

// Key is where a store keeps the identity's state under this limit. The part in
// braces is what a Redis Cluster hashes.
func Key(l *Limit, identity string) string { return l.head + identity + l.tail }

// Parameters are the limit's numbers and a hit's cost as a script reads them,
// separated by spaces: the algorithm's tag, 1 for a dry run or else 0, the
// count, the window in µs, the interval between units and the ceiling of the
// debt (both in µs, 0 unless the algorithm is a bucket), and the cost.
func Parameters(l *Limit, cost int64) string {
	if cost == 1 {
		return l.parametersOne
	}
	return l.parameters + strconv.FormatInt(cost, 10)
}

// Charged is what a script that refunds has to know of a cost: the cost, the
// window in µs, and the interval between units in µs.
func Charged(l *Limit, cost int64) string {
	return strconv.FormatInt(cost, 10) + " " + strconv.FormatInt(l.window, 10) + " " + strconv.FormatFloat(l.interval, 'g', 17, 64)
}

// Words are what a script has to know besides to put a bucket into words: the
// most debt before a request waits, and what Remaining is a part of, in µs.
func Words(l *Limit) (free, room string) {
	return strconv.FormatFloat(l.free, 'g', 17, 64), strconv.FormatFloat(l.room, 'g', 17, 64)
}

// Capacity is the most units that the limit can ever let pass at once: a hit
// that costs more is denied for ever.
func (l *Limit) Capacity() int64 { return l.capacity }

// Quota is what the limit promises to a client: so many units in a window.
func (l *Limit) Quota() Rate {
	if l.Algorithm == TokenBucket && l.Rate.Count > 0 {
		return Rate{l.Burst, time.Duration(math.Ceil(l.free)) * time.Microsecond}
	}
	return l.Rate
}

// prepare computes what decisions need.
func (l *Limit) prepare(prefix string) {
	l.head = prefix + ":{" + l.Name + ":"
	l.tail = "}:" + l.Algorithm.Tag()
	l.Scope = l.head + l.tail
	l.Salt = uint64(crc32.ChecksumIEEE([]byte(l.Scope)))
	l.window = l.Rate.Window.Microseconds()
	l.exact = (1 << 53) / l.window
	l.capacity = l.Rate.Count
	switch {
	case !l.Algorithm.Waits():
	case l.Rate.Count == 0:
		l.ceiling = -1
	default:
		l.interval = float64(l.window) / float64(l.Rate.Count)
		size, wait := float64(l.Burst), float64(l.MaxWait)/float64(time.Microsecond)
		if l.Algorithm == LeakyBucket {
			size = 1
			// MaxWait has only nanoseconds, and a fast queue less between two units.
			if queue := float64(l.Burst) * l.interval; queue < wait+0.001 {
				wait = queue
			}
		}
		l.free = size * l.interval
		// Adding a debt up unit by unit rounds it; the allowance is far below one
		// unit, and at most a microsecond.
		l.allowance = math.Min(1, l.interval/1000)
		l.ceiling = l.free + wait + l.allowance
		l.room = l.free
		if l.Algorithm == LeakyBucket {
			l.room = l.ceiling
		}
		// Costs are at most MaxCount, so that a bucket that holds requests back
		// for months need not count all that it could.
		l.capacity = int64(math.Min(l.ceiling/l.interval, 2*MaxCount))
	}
	l.remaining = `"` + l.Name + `";r=`
	quota := l.Quota()
	l.policy = `"` + l.Name + `";q=` + strconv.FormatInt(quota.Count, 10) + ";w=" + strconv.FormatInt(seconds(quota.Window), 10)
	dry := " 0 "
	if l.DryRun {
		dry = " 1 "
	}
	l.parameters = l.Algorithm.Tag() + dry +
		strconv.FormatInt(l.Rate.Count, 10) + " " +
		strconv.FormatInt(l.window, 10) + " " +
		strconv.FormatFloat(l.interval, 'g', 17, 64) + " " +
		strconv.FormatFloat(l.ceiling, 'g', 17, 64) + " "
	l.parametersOne = l.parameters + "1"
}

// String says what the limit does, in words: the line that a proxy logs when it
// starts.
func (l *Limit) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "limit %s: ", l.Name)
	window := FormatWindow(l.Rate.Window)
	interval := time.Duration(l.interval * float64(time.Microsecond))
	switch {
	case l.Rate.Count == 0:
		b.WriteString("denies everything")
	case l.Algorithm == TokenBucket:
		fmt.Fprintf(&b, "%d at once, then one every %s (%s, token-bucket of %d)", l.Burst, interval, l.Rate, l.Burst)
		if l.MaxWait > 0 {
			fmt.Fprintf(&b, ", held back up to %s", l.MaxWait)
		}
	case l.Algorithm == LeakyBucket:
		fmt.Fprintf(&b, "one every %s (%s, leaky-bucket), up to %d wait their turn, at most %s", interval, l.Rate, l.Burst, l.MaxWait)
	case l.Algorithm == FixedWindow:
		fmt.Fprintf(&b, "%d in each %s from a client's first request (fixed-window)", l.Rate.Count, window)
	default:
		fmt.Fprintf(&b, "%d in any %s (%s)", l.Rate.Count, window, l.Algorithm)
	}
	if l.Lease.Units > 0 {
		fmt.Fprintf(&b, "; up to %d fetched ahead for %s", l.Lease.Units, FormatWindow(l.Lease.Time))
	}
	if l.DryRun {
		b.WriteString("; dry run, never denies")
	}
	return b.String()
}

// Numbers are what decisions reckon with, for who decides by a State without a
// call: times in µs, of a bucket as a float. See Limit.
type Numbers struct {
	Count, Window, Exact int64

	Interval, Free, Ceiling, Allowance, Room float64
}

// NumbersOf are the limit's.
func NumbersOf(l *Limit) *Numbers {
	return &Numbers{l.Rate.Count, l.window, l.exact, l.interval, l.free, l.ceiling, l.allowance, l.room}
}
