package reliability

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// stream is a part of a load: requests to one route of one proxy.
type stream struct{ proxy, route, url string }

// answer is how one request ended, in times since the load began.
type answer struct {
	stream
	client   string
	sent, in time.Duration
	status   int // 0 where the request failed
}

// load is a number of requests a second, whatever becomes of them.
type load struct {
	began time.Time
	stop  context.CancelFunc
	all   sync.WaitGroup
	tick  chan struct{} // closed when no more are sent

	mu      sync.Mutex
	answers []answer
}

var client = &http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 100},
}

// startLoad sends so many requests a second to each of the streams, as each of
// the clients in turn, until end.
func startLoad(t *testing.T, streams []stream, each int, clients ...string) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{began: time.Now(), stop: stop, tick: make(chan struct{})}
	go func() {
		defer close(l.tick)
		ticker := time.NewTicker(time.Second / time.Duration(each))
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for _, s := range streams {
				l.all.Go(func() { l.send(s, clients[n%len(clients)]) })
			}
		}
	}()
	t.Cleanup(l.end)
	return l
}

func (l *load) send(s stream, name string) {
	request, err := http.NewRequest("GET", s.url, nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("X-Client", name)
	a := answer{stream: s, client: name, sent: l.now()}
	if got, err := client.Do(request); err == nil {
		_, _ = io.Copy(io.Discard, got.Body)
		got.Body.Close()
		a.status = got.StatusCode
	}
	a.in = l.now() - a.sent
	l.mu.Lock()
	l.answers = append(l.answers, a)
	l.mu.Unlock()
}

func (l *load) now() time.Duration { return time.Since(l.began) }

// end stops sending and waits for all answers.
func (l *load) end() {
	l.stop()
	<-l.tick
	l.all.Wait()
}

// those returns what was sent from one time to another and passes the filter.
func (l *load) those(from, to time.Duration, filter func(answer) bool) []answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []answer
	for _, a := range l.answers {
		if a.sent >= from && a.sent < to && filter(a) {
			found = append(found, a)
		}
	}
	return found
}

func on(route string, statuses ...int) func(answer) bool {
	return func(a answer) bool {
		return a.route == route && (len(statuses) == 0 || slices.Contains(statuses, a.status))
	}
}

// bad are those that nobody asked to fail: any but an answer, a denial, and what
// on_error deny says.
func bad(a answer) bool {
	return a.status != http.StatusOK && a.status != http.StatusTooManyRequests &&
		!(a.status == http.StatusServiceUnavailable && a.route == denyRoute)
}

// took are the median and the longest of the times that answers took.
func took(answers []answer) (median, longest time.Duration) {
	if len(answers) == 0 {
		return 0, 0
	}
	times := make([]time.Duration, len(answers))
	for i, a := range answers {
		times[i] = a.in
	}
	slices.Sort(times)
	return times[len(times)/2], times[len(times)-1]
}

// until waits for a moment of the load's time.
func (l *load) until(at time.Duration) { time.Sleep(at - l.now()) }

func millis(d time.Duration) string {
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}
