package traefikplugin

import (
	"math"
	"runtime"
	"strconv"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
)

// memoryLoops is how many loops decide in memory: one for each few processors,
// since each of them does little else for a request.
func memoryLoops() int { return 1 + (runtime.GOMAXPROCS(0)-1)/4 }

// decideInMemory is a loop of a lane. It charges keys that are there for hits
// that are allowed at once, as core's Decide, Charge and Describe would; the
// rest it leaves.
func decideInMemory(l *lane, me *loop, store *memory.Store) {
	calls, mu, hand := l.calls, l.mu, me.hand
	seats := map[string]*seat{}
	_, epoch := memory.Clock(store)
	for {
		idle := len(calls) == 0
		c := <-calls
		if idle {
			// Others may be about to call: waking for each of them costs more.
			runtime.Gosched()
		}
		if c == nil {
			return
		}
		hand[0] = c
		g := c.gate
		at := seats[g.id+c.peer]
		if at == nil || at.held == nil {
			at = sit(l, store, g, c.peer, seats)
		}
		c.caller = at.caller
		held := at.held
		if held != nil {
			now := epoch + c.at/1000
			remaining := int64(-1)
			refill := int64(0)
			n := g.numbers
			s := held.State
			mutex := held.Mu
			mutex.Lock()
			if *held.Live != held.Life {
				at.held = nil
			} else if g.algorithm >= core.TokenBucket {
				debt := s.Debt
				reckoned := s.At
				if now > reckoned {
					debt -= float64(now - reckoned)
					if debt < 0 {
						debt = 0
					}
					reckoned = now
				}
				debt += g.units
				if debt <= n.Ceiling && debt <= n.Free {
					s.At = reckoned
					s.Debt = debt
					remaining = int64((n.Room - debt + n.Allowance) / n.Interval)
					if n.Interval <= 1000000 && reckoned == now {
						// There is one more within a second, and told are whole ones.
						refill = 1
					} else {
						more := debt + float64(remaining+1)*n.Interval - n.Room
						refill = int64(math.Ceil(math.Min(debt, more))) + reckoned - now
					}
				}
			} else if s.Used > 0 && now-s.At < n.Window && s.Used < n.Exact && s.Previous <= n.Exact {
				kept := int64(0)
				if s.Previous > 0 {
					elapsed := now - s.At
					if elapsed < 0 {
						elapsed = 0
					}
					kept = int64(math.Ceil(float64(s.Previous) * float64(n.Window-elapsed) / float64(n.Window)))
				}
				used := s.Used + g.cost
				if used+kept <= n.Count {
					s.Used = used
					remaining = n.Count - used - kept
					refill = s.At + n.Window - now
					if kept > 0 {
						refill -= (kept - 1) * n.Window / s.Previous
					} else if g.algorithm == core.SlidingWindow {
						refill += n.Window - (used-1)*n.Window/used
					}
				}
			}
			mutex.Unlock()
			if remaining >= 0 {
				told := g.name + strconv.FormatInt(remaining, 10)
				left := (refill + 999999) / 1000000
				if left >= 0 && left < int64(len(seconds)) {
					told += seconds[left]
				} else {
					told += ";t=" + strconv.FormatInt(left, 10)
				}
				header := c.w.Header()
				if len(header) > 0 {
					addFields(header, g.policies, told)
				} else {
					header["Ratelimit-Policy"] = g.policies
					header["Ratelimit"] = []string{told}
				}
				c.passed = true
			} else if c.at < l.flooded.Load() {
				mu.Lock()
				d := at.caller.denied
				if d != nil && c.at >= d.from && c.at < d.until {
					c.denied = d
				}
				mu.Unlock()
			}
		}
		hand[0] = nil
		c.done <- true
	}
}

// seat is where a loop finds a peer: who it is, and its key, nil where the store
// had none.
type seat struct {
	caller *caller
	held   *memory.Holding
}

// sit finds out anew.
func sit(l *lane, store *memory.Store, g *gate, peer string, seats map[string]*seat) *seat {
	c := meet(l, g, peer)
	s := &seat{c, memory.Hold(store, g.limit, c.who)}
	if len(seats) >= maxCallers {
		for k := range seats {
			delete(seats, k)
		}
	}
	seats[g.id+peer] = s
	return s
}

// seconds[n] says for how many seconds a remainder holds. A look-up is cheaper
// than a call.
var seconds = makeSeconds()

func makeSeconds() []string {
	table := []string{""}
	for n := 1; n <= 3600; n++ {
		table = append(table, ";t="+strconv.Itoa(n))
	}
	return table
}
