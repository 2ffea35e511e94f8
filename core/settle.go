package core

import "time"

// Settle is Decide for a caller that has asked the store itself, and for whom it
// has decided the hits or failed with err.
func (l *Limiter) Settle(now time.Time, hits []Hit, err error) Decision {
	return settle(l, now, hits, err)
}

func settle(l *Limiter, now time.Time, hits []Hit, err error) Decision {
	if err != nil {
		l.Breaker.Failed(err)
		return decideAlone(l, now, hits)
	}
	d := Summarize(hits)
	if !d.Allowed && l.Denials != nil {
		remember(l.Denials, now, hits)
	}
	return d
}

// DecideAlone is Decide without the store, for a caller that has found it lost,
// and has told the Breaker.
func (l *Limiter) DecideAlone(now time.Time, hits []Hit) Decision {
	return decideAlone(l, now, hits)
}
