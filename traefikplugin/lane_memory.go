package traefikplugin

import (
	"math"
	"runtime"
	"strconv"
	"strings"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
)

// memoryLoops is how many loops decide in memory: one for each few processors,
// since each of them does little else for a request.
func memoryLoops() int { return 1 + (runtime.GOMAXPROCS(0)-1)/4 }

// maxHeld is how many keys each loop finds without the store. With one more it
// forgets them all, and finds them again.
const maxHeld = 20_000

// decideInMemory is a loop of a lane. It charges keys that are there for hits
// that are allowed at once, as core's Decide, Charge and Describe would; the
// rest it leaves.
func decideInMemory(l *lane, me int, store *memory.Store) {
	calls, mu := l.calls, l.mu
	_, epoch := memory.Clock(store)
	for {
		c := <-calls
		if c == nil {
			return
		}
		g := c.gate
		peer := c.peer
		colon := strings.IndexByte(peer, ':')
		if colon < 7 || peer[0] > '9' {
			c.done <- true
			continue
		}
		who := peer[:colon]
		c.who = who
		if l.flooded.Load() {
			mu.Lock()
			d := l.recent[g.id+who]
			if d == nil {
				d = l.older[g.id+who]
			}
			if d != nil && c.at >= d.from && c.at < d.until {
				c.denied = d
			}
			mu.Unlock()
			if c.denied != nil {
				c.done <- true
				continue
			}
		}
		held := g.held[me][who]
		if held == nil {
			held = hold(store, g, me, who)
		}
		if held == nil {
			c.done <- true
			continue
		}
		now := epoch + c.at/1000
		remaining := int64(-1)
		refill := int64(0)
		held.Mu.Lock()
		s := held.State
		n := g.numbers
		if *held.Live != held.Life {
			delete(g.held[me], who)
		} else if s.Blocked > 0 {
			// Rare enough.
		} else if g.algorithm >= core.TokenBucket {
			debt := s.Debt
			at := s.At
			if now > at {
				debt -= float64(now - at)
				if debt < 0 {
					debt = 0
				}
				at = now
			}
			debt += g.units
			if debt <= n.Ceiling && debt <= n.Free {
				s.At = at
				s.Debt = debt
				remaining = int64((n.Room - debt + n.Allowance) / n.Interval)
				more := debt + float64(float64(remaining+1)*n.Interval) - n.Room
				refill = int64(math.Ceil(math.Min(debt, more))) + at - now
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
		held.Mu.Unlock()
		if remaining >= 0 {
			left := (refill + 999999) / 1000000
			if left >= 0 && left < int64(len(seconds)) {
				c.told = strconv.FormatInt(remaining, 10) + seconds[left]
			} else {
				c.told = strconv.FormatInt(remaining, 10) + ";t=" + strconv.FormatInt(left, 10)
			}
		}
		c.done <- true
	}
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

// hold finds a key for a loop, nil where the store has none.
func hold(store *memory.Store, g *gate, me int, who string) *memory.Holding {
	found := memory.Hold(store, g.limit, who)
	if found == nil {
		return nil
	}
	if len(g.held[me]) >= maxHeld {
		g.held[me] = map[string]*memory.Holding{}
	}
	g.held[me][who] = found
	return found
}
