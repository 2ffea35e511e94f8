package traefikplugin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/resp"
)

// lane decides the usual request: one limit, which counts each peer.
//
// Where code is interpreted, calling a function costs by all that its body says:
// each variable and each value in between is allocated anew. Going round a loop
// allocates none of that. So goroutines that loop decide, in one long body each,
// and requests wait for them. What is not usual they leave to the handler.
//
// All middlewares on one store share its lane.
type lane struct {
	// id tells lanes apart.
	id string

	calls chan *call

	// origin is when the lane's clock began, which counts ns.
	origin time.Time

	// mu guards callers, by gate and identity, and what is in them.
	mu      *sync.Mutex
	callers map[string]*caller

	// flooded is until when a denial stands at the latest.
	flooded atomic.Int64

	// turns is received from by the loop that takes calls next, where they take
	// turns.
	turns chan bool

	loops   int
	running sync.WaitGroup
}

// loop is one of a lane's, and what is left of it when it panics.
type loop struct {
	// hand are the calls that it has taken and not answered.
	hand []*call

	// turn says that it is the loop's turn.
	turn bool

	// line is the loop's own to Redis.
	line *resp.Line
}

// made counts lanes and gates, so that each has an id of its own.
var made atomic.Int64

const (
	// laneQueue is how many calls may wait before more wait to join them.
	laneQueue = 256

	// laneLinger is how long calls are answered after the lane's end: longer
	// than a request of an earlier configuration takes to come this far.
	laneLinger = time.Hour

	// maxCallers is how many a lane knows, and peers each of its loops. With one
	// more they forget all, and find out again.
	maxCallers = 20_000
)

// gate is a middleware's way into its lane, the same on all its routers.
type gate struct {
	// id tells the middleware's callers from others'.
	id string

	rule      *rule
	limit     *core.Limit
	algorithm core.Algorithm
	cost      int64

	// numbers are the limit's, units the cost as a bucket counts it.
	numbers *core.Numbers
	units   float64

	// lease, in ns, is how long leased units last, 0 where there are none.
	lease int64

	// script and args ask Redis.
	script *redis.Script
	args   []string

	// policies is RateLimit-Policy; name begins RateLimit.
	policies []string
	name     string
}

func newGate(r *rule) *gate {
	limit := r.limits[0]
	numbers := core.NumbersOf(limit)
	policy, name := core.Fields(limit)
	script, args := redis.Tell(limit, r.cost)
	return &gate{
		id: strconv.FormatInt(made.Add(1), 10) + " ", rule: r, limit: limit, algorithm: limit.Algorithm, cost: r.cost,
		numbers: numbers, units: float64(r.cost) * numbers.Interval,
		lease: int64(limit.Lease.Time), script: script, args: args,
		policies: []string{policy}, name: name,
	}
}

// call is a request in the lane. What is set in the end says what became of it;
// where nothing is, the lane could not decide, and nothing was charged.
type call struct {
	gate *gate
	w    http.ResponseWriter
	peer string
	at   int64 // by the lane's clock
	done chan bool

	caller *caller

	// passed says that the request is allowed, and that its answer says so.
	passed bool

	// denied is an answer given a moment ago, which stands.
	denied *denial

	// reply is what else the store says, err why it says nothing.
	reply string
	err   error
}

// newLane starts the loops, decide each.
func newLane(loops int, origin time.Time, mu *sync.Mutex, decide func(*lane, *loop)) *lane {
	l := &lane{
		id: strconv.FormatInt(made.Add(1), 10), calls: make(chan *call, laneQueue),
		origin: origin, loops: loops, mu: mu, callers: map[string]*caller{}, turns: make(chan bool, 1),
	}
	l.turns <- true
	l.running.Add(loops)
	for i := 0; i < loops; i++ {
		go func() {
			me := &loop{hand: make([]*call, laneBatch)}
			for !survive(l, me, decide) {
			}
			l.running.Done()
		}()
	}
	return l
}

var errPanic = errors.New("the loop that had the connection panicked")

// survive runs a loop, and reports whether it came to its end. A panic in a
// goroutine of ours would end the whole proxy, one in a request's does not: so
// the calls in hand are left to their handlers.
func survive(l *lane, me *loop, decide func(*lane, *loop)) (ended bool) {
	defer func() {
		if ended {
			return
		}
		cause := recover()
		if me.line != nil {
			_ = me.line.Abandon(errPanic)
			me.line = nil
		}
		for i, c := range me.hand {
			if c != nil {
				me.hand[i] = nil
				c.done <- true
			}
		}
		logError(fmt.Sprintf("a decision failed, which is a fault in weir: %v", cause))
	}()
	decide(l, me)
	return true
}

// close ends the loops. Calls that still come are left to their handlers.
func (l *lane) close() {
	for i := 0; i < l.loops; i++ {
		l.calls <- nil
	}
	go func() {
		l.running.Wait()
		time.AfterFunc(laneLinger, func() { l.calls <- nil })
		for c := <-l.calls; c != nil; c = <-l.calls {
			c.done <- true
		}
	}()
}

// usual reports whether the lane can decide for the handler: in memory, the times
// of a sliding-log are no work for a loop.
func usual(h *handler, inMemory bool) bool {
	if h.simple == nil || h.dryRuns || !h.answer.Headers.RateLimit || h.answer.Headers.XRateLimit {
		return false
	}
	limit := h.simple.limits[0]
	return limit.Rate.Count > 0 && !(inMemory && limit.Algorithm == core.SlidingLog)
}

// serveInLane is the middleware, for requests in the lane.
func serveInLane(h *handler, l *lane, g *gate) http.Handler {
	next, calls, origin := h.next, l.calls, l.origin
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{gate: g, w: w, peer: r.RemoteAddr, at: int64(time.Since(origin)), done: make(chan bool, 1)}
		calls <- c
		<-c.done
		if c.passed {
			next.ServeHTTP(w, r)
		} else {
			leaveLane(h, l, c, r)
		}
	})
}

// leaveLane does what is not usual with a request.
func leaveLane(h *handler, l *lane, c *call, r *http.Request) {
	if c.denied != nil {
		denyAgain(c.denied, c.w, c.w.Header())
	} else {
		serveDecided(h, l, c, r)
	}
}

// addFields is for an answer that has fields already: another limiter's.
func addFields(header http.Header, policies []string, value string) {
	header["Ratelimit-Policy"] = append(header["Ratelimit-Policy"], policies...)
	header["Ratelimit"] = append(header["Ratelimit"], value)
}
