package core

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DefaultPrefix begins every key unless the configuration names another.
const DefaultPrefix = "weir"

// Spec is a limit as a configuration writes it, before it is checked.
type Spec struct {
	// Name is 1 to 128 letters, digits and "-_.@".
	Name string

	// Rate is what ParseRates reads. A list makes one limit for each rate,
	// named <name>-<window>.
	Rate string

	// Algorithm is what ParseAlgorithm reads; "" is sliding-window.
	Algorithm string

	// Burst is nil for the rate's count.
	Burst *int64

	// MaxWait is nil for the default: 0 for a token bucket; for a leaky bucket
	// as long as its queue.
	MaxWait *time.Duration

	// Cost is what each request takes, 1 to MaxCount; 0 where the host finds it
	// for each request.
	Cost int64

	DryRun bool

	// Lease is what ParseLease reads. The longest Time is the rate's window, as
	// it is the default where that is shorter than DefaultLeaseTime.
	Lease Lease
}

// Limits checks the spec and makes its limits: none where the rate is
// unlimited. Keys begin with prefix, which CheckPrefix has found right. Errors
// are of type *OptionError.
func (s Spec) Limits(prefix string) ([]*Limit, error) {
	if err := checkName(s.Name); err != nil {
		return nil, err
	}
	rates, err := ParseRates(s.Rate)
	if err != nil {
		return nil, err
	}
	algorithm, err := ParseAlgorithm(s.Algorithm)
	if err != nil {
		return nil, err
	}
	var limits []*Limit
	seen := map[time.Duration]bool{}
	for _, rate := range rates {
		if seen[rate.Window] {
			return nil, &OptionError{"rate", s.Rate, "one rate for each window"}
		}
		seen[rate.Window] = true
		if rate.Unlimited() {
			if len(rates) > 1 {
				return nil, &OptionError{"rate", s.Rate, "unlimited alone, or rates with a count"}
			}
			return nil, nil
		}
		limit := &Limit{Name: s.Name, Rate: rate, Algorithm: algorithm, DryRun: s.DryRun}
		if len(rates) > 1 {
			limit.Name = s.Name + "-" + FormatWindow(rate.Window)
		}
		if err := s.shape(limit); err != nil {
			return nil, err
		}
		limit.prepare(prefix)
		if rate.Count > 0 && s.Cost > limit.Capacity() {
			return nil, &OptionError{"cost", strconv.FormatInt(s.Cost, 10),
				fmt.Sprintf("at most %d, all that %s can let pass at once", limit.Capacity(), rate)}
		}
		if err := s.lease(limit); err != nil {
			return nil, err
		}
		limits = append(limits, limit)
	}
	return limits, nil
}

// shape sets what only some algorithms have, and checks what they bear.
func (s Spec) shape(limit *Limit) error {
	if s.Cost < 0 || s.Cost > MaxCount {
		return &OptionError{"cost", strconv.FormatInt(s.Cost, 10), "a number from 1 to " + strconv.Itoa(MaxCount)}
	}
	if limit.Algorithm == SlidingLog && limit.Rate.Count > MaxLogCount {
		return &OptionError{"rate", limit.Rate.String(),
			fmt.Sprintf("a count of at most %d for a sliding-log, which keeps a time for each unit; sliding-window has no such bound", MaxLogCount)}
	}
	if !limit.Algorithm.Waits() {
		if s.Burst != nil {
			return &OptionError{"burst", strconv.FormatInt(*s.Burst, 10), "no burst with " + limit.Algorithm.String() + ", or algorithm token-bucket"}
		}
		if s.MaxWait != nil {
			return &OptionError{"max_wait", s.MaxWait.String(), "no wait with " + limit.Algorithm.String() + ", or algorithm leaky-bucket"}
		}
		return nil
	}
	limit.Burst = limit.Rate.Count
	if s.Burst != nil {
		limit.Burst = *s.Burst
	}
	least := int64(0)
	if limit.Algorithm == TokenBucket && limit.Rate.Count > 0 {
		least = 1
	}
	if limit.Burst < least || limit.Burst > MaxCount {
		return &OptionError{"burst", strconv.FormatInt(limit.Burst, 10), fmt.Sprintf("a number from %d to %d", least, MaxCount)}
	}
	if limit.Rate.Count == 0 {
		return nil
	}
	// The time that a whole burst takes bounds what a store has to remember.
	drain := float64(limit.Burst) / float64(limit.Rate.Count) * float64(limit.Rate.Window)
	if drain > float64(MaxWindow) {
		return &OptionError{"burst", strconv.FormatInt(limit.Burst, 10), "a burst that refills within 366d"}
	}
	if limit.Algorithm == LeakyBucket {
		limit.MaxWait = time.Duration(drain)
	}
	if s.MaxWait != nil {
		if *s.MaxWait < 0 || *s.MaxWait > MaxWindow {
			return &OptionError{"max_wait", s.MaxWait.String(), "a duration from 0 to 366d"}
		}
		if limit.Algorithm == TokenBucket || *s.MaxWait < limit.MaxWait {
			limit.MaxWait = *s.MaxWait
		}
	}
	return nil
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@"

func only(s, letters string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(letters, r) }) < 0
}

func checkName(name string) error {
	if name == "" || len(name) > 128 || !only(name, nameLetters) {
		return &OptionError{"name", name, "1 to 128 letters, digits and - _ . @"}
	}
	return nil
}

// CheckPrefix checks the first part of every key: 1 to 128 letters, digits and
// "-_.@:".
func CheckPrefix(prefix string) error {
	if prefix == "" || len(prefix) > 128 || !only(prefix, nameLetters+":") {
		return &OptionError{"prefix", prefix, "1 to 128 letters, digits and - _ . @ :"}
	}
	return nil
}

// CheckNames finds limits of one name in a limiter: they would share counters
// and be told apart by nobody.
func CheckNames(limits []*Limit) error {
	seen := map[string]bool{}
	for _, l := range limits {
		if seen[l.Name] {
			return &OptionError{"name", l.Name, "a name of its own for each limit, since limits of one name share counters"}
		}
		seen[l.Name] = true
	}
	return nil
}
