package traefikplugin

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/resp"
)

// lane decides the usual request: one limit, which counts each IPv4 peer.
//
// Where code is interpreted, calling a function costs by all that its body says:
// each variable and each value in between is allocated anew. Going round a loop
// allocates none of that. So goroutines that loop decide, in one long body each,
// and requests wait for them. What is not usual they leave to the handler.
//
// All middlewares on one store share its lane.
type lane struct {
	calls chan *call

	// origin is when the lane's clock began, which counts ns.
	origin time.Time

	// loops is how many goroutines decide, running those that still do.
	loops   int
	running sync.WaitGroup

	// mu guards what follows, which is by gate and identity, and what is in it.
	mu     *sync.Mutex
	shares map[string]*share

	// recent are answers that stand, of this second, and older of the one before.
	recent, older map[string]*denial
	turn          int64 // when older goes

	// flooded says that there are such answers.
	flooded atomic.Bool
}

const (
	// laneQueue is how many calls may wait before more wait to join them.
	laneQueue = 256

	// laneLinger is how long calls are answered after the lane's end: longer
	// than a request of an earlier configuration takes to come this far.
	laneLinger = time.Hour
)

// call is a request in the lane. What is set in the end says what became of it;
// where nothing is, the lane could not decide, and nothing was charged.
type call struct {
	gate *gate
	peer string
	at   int64 // by the lane's clock
	done chan bool

	// who is the identity.
	who string

	// told is what RateLimit says after the limit's name: the request is allowed.
	told string

	// denied is an answer given a moment ago, which stands.
	denied *denial

	// reply is what else the store says, err why it says nothing.
	reply string
	err   error
}

// gate is what a lane has to know of one middleware's limit.
type gate struct {
	// id tells what is known of the middleware's requests from others'.
	id string

	limit     *core.Limit
	algorithm core.Algorithm
	cost      int64

	// numbers are the limit's, units the cost as a bucket counts it. held are the
	// keys that each loop has found. All for the lane of a store in memory.
	numbers *core.Numbers
	units   float64
	held    []map[string]*memory.Holding

	// before[n] and after make the command for an identity of n bytes; lease, in
	// ns, is how long leased units last, 0 where there are none. For a lane to
	// Redis.
	before []string
	after  string
	lease  int64
}

var gates atomic.Int64

// newGate is a middleware's way into the lane.
func newGate(l *lane, r *rule) *gate {
	limit := r.limits[0]
	numbers := core.NumbersOf(limit)
	script, args, head, tail := redis.Tell(limit, r.cost)
	form := resp.NewForm(script, head, tail, args)
	g := &gate{
		id: strconv.FormatInt(gates.Add(1), 10) + " ", limit: limit, algorithm: limit.Algorithm, cost: r.cost,
		numbers: numbers, units: float64(r.cost) * numbers.Interval,
		before: form.Before, after: form.After, lease: int64(limit.Lease.Time),
	}
	for i := 0; i < l.loops; i++ {
		g.held = append(g.held, map[string]*memory.Holding{})
	}
	return g
}

// newLane starts the loops, decide each, which are told apart by their number.
func newLane(loops int, origin time.Time, mu *sync.Mutex, decide func(l *lane, me int)) *lane {
	l := &lane{calls: make(chan *call, laneQueue), origin: origin, loops: loops, mu: mu}
	l.shares = map[string]*share{}
	l.recent = map[string]*denial{}
	l.older = map[string]*denial{}
	l.running.Add(loops)
	for i := 0; i < loops; i++ {
		me := i
		go func() {
			decide(l, me)
			l.running.Done()
		}()
	}
	return l
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
	policy, text := core.Fields(h.simple.limits[0])
	policies := []string{policy}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{gate: g, peer: r.RemoteAddr, at: int64(time.Since(origin)), done: make(chan bool, 1)}
		calls <- c
		<-c.done
		header := w.Header()
		if c.told == "" || len(header) > 0 {
			leaveLane(h, l, c, w, r)
			return
		}
		header["Ratelimit-Policy"] = policies
		header["Ratelimit"] = []string{text + c.told}
		next.ServeHTTP(w, r)
	})
}

// leaveLane does what is not usual with a request.
func leaveLane(h *handler, l *lane, c *call, w http.ResponseWriter, r *http.Request) {
	if c.denied != nil {
		denyAgain(c.denied, w, w.Header())
		return
	}
	if c.told != "" {
		addFields(w.Header(), h.simple.limits[0], c.told)
		h.next.ServeHTTP(w, r)
		return
	}
	serveDecided(h, l, c, w, r)
}

// addFields is for an answer that has fields already.
func addFields(header http.Header, limit *core.Limit, told string) {
	policy, text := core.Fields(limit)
	header["Ratelimit-Policy"] = append(header["Ratelimit-Policy"], policy)
	header["Ratelimit"] = append(header["Ratelimit"], text+told)
}
