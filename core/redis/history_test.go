package redis_test

import (
	"fmt"
	"math/big"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/core/storetest"
)

// TestNeverOneTooMany lets two stores, whose clocks are up to a minute apart,
// take from the same keys at once, as random histories will have it. Put in the
// order in which the server decided, every answer is the model's: not one is
// admitted too many, nor denied that was due.
//
// WEIR_HISTORIES is how many there are for each algorithm.
func TestNeverOneTooMany(t *testing.T) {
	histories := number(t, "WEIR_HISTORIES", 400)
	server := redistest.Start(t)
	var stores []*redis.Store
	log := &serverLog{events: map[string][]event{}}
	for _, name := range []string{"go-redis", "resp"} {
		store, err := redis.New(listening{open(t, runners[name], server.Addr()), log}, "history", soon)
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, store)
	}
	for _, a := range core.Algorithms() {
		t.Run(a.String(), func(t *testing.T) {
			var all sync.WaitGroup
			places := make(chan bool, 16)
			for i := 0; i < histories; i++ {
				all.Add(1)
				places <- true
				go func() {
					defer all.Done()
					defer func() { <-places }()
					h := newHistory(t, a, i)
					h.play(t, stores)
					h.check(t, log.take(h.key))
				}()
			}
			all.Wait()
		})
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: %q: want a number", variable, text)
	}
	return n
}

// event is a decision as the server made it.
type event struct {
	now, cost int64
	allowed   bool
}

// serverLog is what the server decided, by key.
type serverLog struct {
	mu     sync.Mutex
	events map[string][]event
}

func (l *serverLog) take(key string) []event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events[key]
	delete(l.events, key)
	return events
}

// listening is a runner whose scripts' replies are noted.
type listening struct {
	redis.Runner
	log *serverLog
}

func (r listening) Run(deadline time.Time, script *redis.Script, keys, args []string) (string, error) {
	reply, err := r.Runner.Run(deadline, script, keys, args)
	if err != nil {
		return reply, err
	}
	var e event
	var verdict int
	if _, err := fmt.Sscan(reply, &e.now, &verdict); err != nil {
		return reply, err
	}
	e.allowed = verdict == 1
	_, err = fmt.Sscan(args[0][strings.LastIndexByte(args[0], ' ')+1:], &e.cost)
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.log.events[keys[0]] = append(r.log.events[keys[0]], e)
	return reply, err
}

// history is a limit, and who takes what of it when.
type history struct {
	limit *core.Limit
	key   string
	skew  [2]time.Duration // of the stores' clocks
	tasks [4][]task
}

type task struct {
	wait time.Duration
	cost int64
}

func newHistory(t *testing.T, a core.Algorithm, seed int) *history {
	random := rand.New(rand.NewSource(int64(seed)))
	spec := core.Spec{
		Name: "h" + strconv.Itoa(seed), Algorithm: a.String(),
		Rate: fmt.Sprintf("%d/%dms", 1+random.Intn(8), 1+random.Intn(40)),
	}
	if a.Waits() {
		burst := 1 + random.Int63n(8)
		spec.Burst = &burst
	}
	limits, err := spec.Limits("history")
	if err != nil {
		t.Error(err)
	}
	h := &history{limit: limits[0], key: core.Key(limits[0], "x")}
	// Deadlines come of these clocks too: both are ahead.
	for i := range h.skew {
		h.skew[i] = time.Duration(random.Int63n(int64(time.Minute)))
	}
	for i := range h.tasks {
		for n := 0; n < 8; n++ {
			w := task{cost: 1}
			if random.Intn(3) == 0 {
				w.wait = time.Duration(random.Int63n(int64(h.limit.Rate.Window)))
			}
			if random.Intn(4) == 0 {
				w.cost = 1 + random.Int63n(h.limit.Capacity())
			}
			h.tasks[i] = append(h.tasks[i], w)
		}
	}
	return h
}

func (h *history) play(t *testing.T, stores []*redis.Store) {
	var all sync.WaitGroup
	for i, tasks := range h.tasks {
		all.Add(1)
		go func() {
			defer all.Done()
			for _, task := range tasks {
				time.Sleep(task.wait)
				hits := []core.Hit{{Limit: h.limit, Identity: "x", Cost: task.cost}}
				if err := stores[i%2].Take(time.Now().Add(h.skew[i%2]), hits); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
}

func (h *history) check(t *testing.T, events []event) {
	sort.SliceStable(events, func(i, j int) bool { return events[i].now < events[j].now })
	model := storetest.NewModel(h.limit)
	for i, e := range events {
		room, slack := model.Room(e.now)
		room.Sub(room, big.NewRat(e.cost, 1))
		if e.allowed && room.Cmp(new(big.Rat).Neg(slack)) < 0 || !e.allowed && room.Cmp(slack) >= 0 {
			t.Errorf("%s: decision %d: allowed %t, room beyond it %s, of %v", h.limit, i, e.allowed, room.FloatString(6), events)
			return
		}
		if e.allowed {
			model.Charge(e.now, e.cost)
		}
	}
}
