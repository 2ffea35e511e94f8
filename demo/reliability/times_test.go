package reliability

import (
	"testing"
	"time"
)

const (
	// timeout is the option's default, which the proxies have here.
	timeout = 100 * time.Millisecond

	// allowance is for processes that wait for a processor, on top of the longest
	// that a request without a limit took at the time.
	allowance = 100 * time.Millisecond

	// stall is how long a request without a limit takes where the machine stands
	// still for so long that stores which are well seem lost.
	stall = timeout / 2

	// tries is how often a fault is repeated on a machine that stalls.
	tries = 3

	// back is how soon after the store's return all decisions are its own again.
	back = 2 * time.Second
)

// times is how long a load waited for a store that failed and returned.
type times struct {
	median, longest time.Duration // of limited requests since it failed
	free            time.Duration // the longest of those without a limit
	away, recovery  time.Duration // since it failed and returned, the last that found no store
	said            told
}

func measureTimes(lab *lab, l *load, before told, began, returned time.Duration) times {
	end := l.now()
	var t times
	t.median, t.longest = took(l.those(began, end, func(a answer) bool { return a.route != freeRoute }))
	_, t.free = took(l.those(began, end, on(freeRoute)))
	t.away, t.recovery = l.lastDenied(began), l.lastDenied(returned)
	t.said = lab.told().since(before)
	return t
}

// judged reports whether the times are the store's, and not the machine's.
func (m times) judged(t *testing.T) bool {
	t.Helper()
	if m.free > stall {
		t.Logf("the machine is busy: a request without a limit took %v", m.free)
	}
	return m.free <= stall
}

// check expects the times to be what is promised, and each proxy to have said so
// often that the store is lost.
func (m times) check(t *testing.T, least, most int) {
	t.Helper()
	if m.longest > timeout+m.free+allowance {
		t.Errorf("a request took %v; without a limit the longest took %v", m.longest, m.free)
	}
	if m.recovery > back {
		t.Errorf("decisions were the store's again %v after it was back", m.recovery)
	}
	m.said.check(t, least, most)
}

// checkFailed expects no request to have failed, and returns how many have.
func checkFailed(t *testing.T, l *load) int {
	t.Helper()
	failed := l.those(0, l.now(), bad)
	if len(failed) > 0 {
		t.Errorf("%d requests failed, such as %+v", len(failed), failed[0])
	}
	return len(failed)
}

// lastDenied is how long after a moment the last request was sent that was
// answered as on_error deny says, 0 where there was none.
func (l *load) lastDenied(since time.Duration) time.Duration {
	last := time.Duration(0)
	for _, a := range l.those(since, l.now(), on(denyRoute, 503)) {
		last = max(last, a.sent-since)
	}
	return last
}
