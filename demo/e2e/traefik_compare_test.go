package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
)

// schedules are options of Traefik's own rateLimit, its documentation's among
// them, each with so many requests a second for so long, and how many of those
// are due.
type schedule struct {
	name, options string
	perSecond     int
	lasts         time.Duration
	due           int64
}

var schedules = []schedule{
	{"100 a second, burst 200", `average: 100, period: 1s, burst: 200`, 200, 3 * time.Second, 500},
	{"100 a second, burst 50", `average: 100, burst: 50`, 160, 3 * time.Second, 350},
	{"10 a second, no burst", `average: 10`, 16, 4 * time.Second, 40},
	{"below the average", `average: 100, burst: 10`, 80, 2 * time.Second, 160},
	{"6 a minute", `average: 6, period: 1m, burst: 10`, 20, 2 * time.Second, 10},
	{"10 in 500ms", `average: 10, period: 500ms, burst: 5`, 50, 3 * time.Second, 65},
	{"by host", `average: 20, burst: 10, sourceCriterion: {requestHost: true}`, 60, 2 * time.Second, 50},
	{"by header", `average: 20, burst: 10, sourceCriterion: {requestHeaderName: X-Api-Key}`, 60, 2 * time.Second, 50},
}

// TestTraefikCountsAlike sends both the same requests at the same moments: what
// comes through differs by 2 % at most.
func TestTraefikCountsAlike(t *testing.T) {
	stores := map[string]string{
		"memory": "",
		"redis":  ", " + patient(redistest.Start(t)),
	}
	middlewares := map[string]string{}
	for i, schedule := range schedules {
		for store, redis := range stores {
			for limiter, middleware := range ownAndWeir("{" + schedule.options + redis + "}") {
				for attempt := range attempts {
					middlewares[fmt.Sprintf("%s-%s-%d-%d", limiter, store, i, attempt+1)] = middleware
				}
			}
		}
	}
	traefik := Traefik(t, routes(hello(t), middlewares))
	for i, schedule := range schedules {
		t.Run(schedule.name, func(t *testing.T) {
			for store := range stores {
				alike(t, store, traefik.URL+"/%s-"+store+"-"+strconv.Itoa(i)+"-%d", schedule)
			}
		})
	}
}

// attempts is how often a schedule is tried, each time with routes of its own.
const attempts = 4

// alike compares both until nothing but themselves makes a difference: on a
// machine that has other things to do, requests sent at the same moments arrive
// in bunches, and not the same for both.
func alike(t *testing.T, store, url string, s schedule) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		own := &tally{url: fmt.Sprintf(url, "own", attempt)}
		weir := &tally{url: fmt.Sprintf(url, "weir", attempt)}
		sent, late := together(t, s.perSecond, s.lasts, own, weir)
		a, b := own.came.Load(), weir.came.Load()
		t.Logf("%s: of %d sent up to %s late, %d by Traefik's own, %d by weir, %d due", store, sent, late.Round(time.Millisecond), a, b, s.due)
		// Of few, one more or less is no difference in kind.
		most := max(int64(sent)*2/100, 1)
		switch {
		case own.other.Load()+weir.other.Load() > 0:
			t.Fatalf("%s: answers beside 200 and 429: %d and %d", store, own.other.Load(), weir.other.Load())
		case apart(a, b) <= most:
			return
		case apart(a, s.due) > most && apart(b, s.due) <= most:
			t.Logf("%s: Traefik's own is off: what reaches Redis out of order refills its bucket twice", store)
			return
		case attempt == attempts:
			t.Fatalf("%s: %d by Traefik's own and %d by weir, want at most %d apart", store, a, b, most)
		}
	}
}

func apart(a, b int64) int64 { return max(a-b, b-a) }

// tally counts the answers of one route.
type tally struct {
	url         string
	came, other atomic.Int64
}

func (c *tally) ask() {
	request, err := http.NewRequest("GET", c.url, nil)
	if err != nil {
		c.other.Add(1)
		return
	}
	request.Header.Set("X-Api-Key", "key")
	answer, err := client.Do(request)
	if err != nil {
		c.other.Add(1)
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		c.came.Add(1)
	case http.StatusTooManyRequests:
	default:
		c.other.Add(1)
	}
}

// together asks both, so many times a second, evenly spaced and without waiting
// for answers. It returns how many requests each got, and how late at most they
// were sent.
func together(t *testing.T, perSecond int, lasts time.Duration, a, b *tally) (sent int, late time.Duration) {
	t.Helper()
	a.warm(t)
	b.warm(t)
	every := time.Second / time.Duration(perSecond)
	began := time.Now()
	var all sync.WaitGroup
	for at := time.Duration(0); at < lasts; at += every {
		due := began.Add(at)
		time.Sleep(time.Until(due))
		late = max(late, time.Since(due))
		first, second := a, b
		if sent%2 == 1 {
			first, second = b, a
		}
		all.Go(first.ask)
		all.Go(second.ask)
		sent++
	}
	all.Wait()
	return sent, late
}

// warm opens a connection, from another host and with another key than those
// that are counted.
func (c *tally) warm(t *testing.T) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", c.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "warm.example"
	request.Header.Set("X-Api-Key", "another")
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
}
