package core

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// DefaultLeaseTime is how long leased units last where a lease says no time.
	DefaultLeaseTime = time.Second

	// MaxLeaseTime is the longest that a lease may say.
	MaxLeaseTime = time.Minute
)

// Lease lets a process fetch units of a limit ahead, for each identity, and hand
// them out without asking the store. The zero value is none: every decision is
// the store's.
//
// A unit is handed out within Time of being charged. So over any interval T all
// processes together admit no more than the limit does over T plus Time.
type Lease struct {
	// Units are fetched ahead for an identity at most.
	Units int64

	// Time is how long they last, reckoned from before the store was asked.
	Time time.Duration
}

const leaseForms = "a number of units and for how long, such as 50 1s, or the number alone"

// ParseLease reads "50 1s", or "50" for DefaultLeaseTime; "" is no lease. The
// Time of "50" is 0, for Spec.Limits to fill in. The error is of type
// *OptionError, for the option "lease".
func ParseLease(s string) (Lease, error) {
	count, length, timed := strings.Cut(strings.TrimSpace(s), " ")
	if count == "" {
		return Lease{}, nil
	}
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil || strings.HasPrefix(count, "+") {
		return Lease{}, &OptionError{"lease", s, leaseForms}
	}
	lease := Lease{Units: n}
	if timed {
		if lease.Time, err = ParseDuration("lease", length); err != nil {
			return Lease{}, &OptionError{"lease", s, leaseForms}
		}
	}
	if n < 1 || n > MaxCount {
		return Lease{}, &OptionError{"lease", s, "a number of units from 1 to " + strconv.Itoa(MaxCount)}
	}
	if timed && (lease.Time < time.Millisecond || lease.Time > MaxLeaseTime) {
		return Lease{}, &OptionError{"lease", s, "a time from 1ms to 1m after the units"}
	}
	return lease, nil
}

// String writes the lease in the form that ParseLease reads.
func (l Lease) String() string {
	switch {
	case l.Units == 0:
		return ""
	case l.Time == 0:
		return strconv.FormatInt(l.Units, 10)
	}
	return strconv.FormatInt(l.Units, 10) + " " + FormatWindow(l.Time)
}

// LeaseNeedsRedis is the mistake of a lease where counters are in the memory of
// the process.
func LeaseNeedsRedis(lease Lease) error {
	return &OptionError{"lease", lease.String(), "redis as well, or no lease: counters in memory are as near as fetched units would be"}
}

// lease gives the limit, which is prepared, its lease, and checks that it bears
// one.
func (s Spec) lease(limit *Limit) error {
	lease := s.Lease
	switch {
	case lease.Units == 0 || limit.Rate.Count == 0:
		return nil
	case limit.Algorithm == LeakyBucket:
		return &OptionError{"lease", lease.String(), "no lease with leaky-bucket, which spaces requests one by one"}
	case limit.MaxWait > 0:
		return &OptionError{"lease", lease.String(), "no lease beside max_wait, which spaces requests one by one"}
	case lease.Units < 0 || lease.Units > limit.capacity:
		return &OptionError{"lease", lease.String(),
			fmt.Sprintf("a number of units from 1 to %d, all that %s can let pass at once", limit.capacity, limit.Rate)}
	case lease.Time < 0 || lease.Time > limit.Rate.Window || lease.Time > MaxLeaseTime:
		return &OptionError{"lease", lease.String(), "a time no longer than 1m and the limit's window, " + FormatWindow(limit.Rate.Window)}
	case lease.Time == 0 && limit.Rate.Window < DefaultLeaseTime:
		lease.Time = limit.Rate.Window
	case lease.Time == 0:
		lease.Time = DefaultLeaseTime
	}
	limit.Lease = lease
	return nil
}
