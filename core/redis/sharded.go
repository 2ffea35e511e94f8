package redis

import (
	"time"

	"github.com/weirproxy/weir/core"
)

// takeSharded is Take where the hits' keys may live on different servers: each
// has a hash tag of its own, so that they are asked in turn. Once one denies,
// the others are only looked at and those before it get back what they were
// charged: for a moment another request may be denied for want of that, none is
// ever admitted too much.
func (s *Store) takeSharded(deadline time.Time, hits []core.Hit) error {
	mode := "take"
	for i := range hits {
		h := &hits[i]
		if err := ask(s, deadline, mode, hits[i:i+1]); err != nil {
			s.giveBack(hits[:i])
			return err
		}
		if !h.Result.Allowed && !h.Limit.DryRun && mode == "take" {
			s.giveBack(hits[:i])
			mode = "peek"
		}
	}
	return nil
}

// giveBack refunds in the background: the decision's time may be over.
func (s *Store) giveBack(hits []core.Hit) {
	var charged []core.Hit
	for i := range hits {
		if h := &hits[i]; h.Result.Charged {
			charged = append(charged, *h)
			// Full and Refill stay as charged: too long, if anything.
			h.Result.Charged = false
			h.Result.Remaining += h.Cost
			h.Result.Delay = 0
		}
	}
	if len(charged) == 0 {
		return
	}
	if s.refunds.Add(1) > maxRefunds {
		s.refunds.Add(-1)
		return
	}
	go func() {
		// Within the life of what was charged at the latest, which nothing else
		// could give back.
		_ = s.Refund(time.Now(), charged)
		s.refunds.Add(-1)
	}()
}
