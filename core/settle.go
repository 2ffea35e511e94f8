package core

import "time"

// Settle is Decide for a caller that has asked the store itself. err says that
// it did not answer; where that is nil, the hits have their Results.
func (l *Limiter) Settle(now time.Time, hits []Hit, err error) Decision {
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
