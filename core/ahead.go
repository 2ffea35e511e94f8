package core

import "time"

// decideLeased decides by what was fetched ahead, and else asks the store for
// more. What was fetched is used while the store is lost, too: it is charged.
func decideLeased(l *Limiter, now time.Time, hits []Hit) Decision {
	if spend(l.Leases, now, hits) {
		return Summarize(hits)
	}
	if l.Breaker.open.Load() {
		return decideAlone(l, now, hits)
	}
	if l.Denials != nil && l.Denials.some.Load() {
		if d, found := denyEarly(l.Denials, now, hits); found {
			return d
		}
	}
	return decideAhead(l, now, hits)
}

// decideAhead asks the store, and fetches ahead.
func decideAhead(l *Limiter, now time.Time, hits []Hit) Decision {
	err := takeAhead(l, now, hits)
	if err == nil {
		l.Breaker.Succeeded()
	}
	return settle(l, now, hits, err)
}

func takeAhead(l *Limiter, now time.Time, hits []Hit) error {
	errands := plan(l.Leases, now, hits)
	if errands == nil {
		return l.Store.Take(now, hits)
	}
	raise(hits, errands, 1)
	err := l.Store.Take(now, hits)
	raise(hits, errands, -1)
	if err == nil && refused(hits, errands) {
		err = takeModestly(l, now, hits, errands)
	}
	note(l.Leases, now, hits, errands, err == nil)
	return err
}

// raise adds to the costs of hits what is fetched with them, or subtracts it.
func raise(hits []Hit, errands []errand, sign int64) {
	for i := range errands {
		hits[i].Cost += sign * errands[i].units
	}
}

// refused reports whether the store denied what may have been too much.
func refused(hits []Hit, errands []errand) bool {
	for i := range errands {
		if errands[i].units > 0 && !hits[i].Result.Allowed {
			return true
		}
	}
	return false
}

// takeModestly asks once more, for the hits' own costs, where a hit was denied
// together with what was to be fetched. Where the request was denied, nothing
// has been charged. Where a dry run alone was, the others have been.
func takeModestly(l *Limiter, now time.Time, hits []Hit, errands []errand) error {
	if !Summarize(hits).Allowed {
		for i := range errands {
			errands[i].units = 0
		}
		return l.Store.Take(now, hits)
	}
	for i := range errands {
		if errands[i].units == 0 || hits[i].Result.Allowed {
			continue
		}
		errands[i].units = 0
		if err := l.Store.Take(now, hits[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}
