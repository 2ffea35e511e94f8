package core

import "time"

// Store keeps the state of limits and decides hits. Every store gives the same
// answers to the same hits at the same times; storetest holds them to it.
//
// A Store is safe for concurrent use.
type Store interface {
	// Take decides all hits in one step and fills in each hit's Result. If every
	// hit that is not a dry run can be allowed, each allowed hit is charged its
	// cost; otherwise none is. No other decision sees a half-charged state. No
	// two hits are of one limit and identity.
	//
	// now is the caller's clock. A store that several processes share ignores it
	// in favour of a clock that they share too.
	//
	// An error means that nothing is known: the Results are undefined, and the
	// hits may or may not have been charged. Take returns within the time its
	// store was given for a decision; it never waits for the client.
	Take(now time.Time, hits []Hit) error

	// Refund gives back what an earlier Take charged for these hits, whose
	// Results must be unchanged since. A charge that has left its window, or
	// that was never made, is not given back.
	Refund(now time.Time, hits []Hit) error

	// Peek fills in each hit's Result as Take would, and charges nothing.
	Peek(now time.Time, hits []Hit) error

	// Reset makes the identity whole again under this limit, and unblocks it.
	Reset(limit *Limit, identity string) error

	// Block denies the identity under this limit until d has passed, after
	// which it starts anew. d is at least a millisecond.
	Block(now time.Time, limit *Limit, identity string, d time.Duration) error

	// Probe does what a decision does, with a key of its own, to find out
	// whether decisions would succeed.
	Probe() error
}

// Hit is one limit asked about one identity.
type Hit struct {
	Limit *Limit

	// Identity is who is counted, as AddressIdentity or HashIdentity gave it.
	Identity string

	// Cost is how many units of the limit the request takes, 0 to MaxCount. A
	// hit that costs nothing is never denied for want of quota.
	Cost int64

	// Result is the store's answer.
	Result Result
}

// Result is what a store knows of one hit after deciding it.
type Result struct {
	// Allowed is whether this limit, taken alone, lets the hit through.
	Allowed bool

	// Charged is whether the hit's cost was taken. It differs from Allowed where
	// another limit denied the request.
	Charged bool

	// Remaining is how many units are left: 2 after the first of 3, 0 when
	// denied at cost 1.
	Remaining int64

	// Delay is how long an allowed request has to wait for its turn, 0 where the
	// algorithm does not hold requests back.
	Delay time.Duration

	// RetryAfter is when a denied hit would be allowed if nothing else came:
	// positive, or Never where it costs more than the limit can ever hold. 0
	// when allowed.
	RetryAfter time.Duration

	// Refill is how long Remaining stays as it is if nothing else comes; 0 when
	// the limit is full.
	Refill time.Duration

	// Full is how long the limit takes to be full again, 0 when it is.
	Full time.Duration

	// Stamp says where the charge was made, for Refund: the start of its window,
	// its time in a log, or when a bucket will have forgotten it; in microseconds
	// of the store's clock.
	Stamp int64
}

// Never is the RetryAfter of a hit that no waiting can cure.
const Never time.Duration = -1
