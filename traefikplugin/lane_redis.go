package traefikplugin

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/resp"
)

const (
	// redisLoops is how many round trips of a lane are under way at most, to a
	// server that is far away. To one that is near one at a time does: whoever
	// calls meanwhile shares the next.
	redisLoops = 4

	// farAway is how long the quickest of judged round trips takes to a server
	// for which calls better not wait for one another, in ns.
	farAway = int64(time.Millisecond)
	judged  = 32

	// laneBatch bounds the calls of one round trip.
	laneBatch = 64

	// lineIdle is for how long a loop trusts a connection that it does not use.
	lineIdle = int64(time.Second)
)

// decideInRedis is a loop of a lane. It asks for all calls that are there in one
// round trip, on a connection of its own, when it is its turn. It keeps the turn
// as long as the server is near.
func decideInRedis(l *lane, me *loop, runner *resp.Client, breaker *core.Breaker, timeout time.Duration) {
	calls, mu, origin, batch := l.calls, l.mu, l.origin, me.hand
	peers := map[string]*caller{}
	line := me.line
	lastUse := int64(0)
	far := false
	quickest := int64(time.Hour)
	trips := 0
	for {
		if !me.turn {
			<-l.turns
			me.turn = true
		}
		idle := len(calls) == 0
		c := <-calls
		if idle {
			// Others may be about to call, and share the round trip.
			runtime.Gosched()
		}
		n := 0
		command := ""
		flooded := l.flooded.Load()
		refused := false
		for c != nil {
			batch[n] = c
			g := c.gate
			who := peers[g.id+c.peer]
			if who == nil {
				who = meet(l, g, c.peer)
				if len(peers) >= maxCallers {
					peers = map[string]*caller{}
				}
				peers[g.id+c.peer] = who
			}
			c.caller = who
			asks := true
			told := ""
			if c.at < flooded || g.lease > 0 {
				mu.Lock()
				if who.denied != nil && c.at >= who.denied.from && c.at < who.denied.until {
					c.denied = who.denied
					asks = false
				} else if g.lease > 0 {
					left := int64(-1)
					if who.share != nil && c.at < who.until && *who.share.Fetches == who.share.Fetch {
						left = *who.share.Left - g.cost
					}
					if left >= 0 {
						*who.share.Left = left
						told = strconv.FormatInt(who.share.Remaining+left, 10)
						ahead := (who.refill - c.at + 999999999) / 1000000000
						if ahead > 0 && ahead < int64(len(seconds)) {
							told += seconds[ahead]
						} else if ahead > 0 {
							told += ";t=" + strconv.FormatInt(ahead, 10)
						}
						asks = false
					} else if c.at < who.seen && !who.fetching {
						// It calls often, and nothing is ahead: it goes to fetch. Others
						// ask meanwhile, as those do who call seldom.
						who.fetching = true
						asks = false
					}
					who.seen = c.at + g.lease
				}
				mu.Unlock()
			}
			if asks {
				n++
				command += who.command
			} else {
				if told != "" {
					header := c.w.Header()
					if len(header) > 0 {
						addFields(header, g.policies, g.name+told)
					} else {
						header["Ratelimit-Policy"] = g.policies
						header["Ratelimit"] = []string{g.name + told}
					}
					c.passed = true
				}
				batch[n] = nil
				c.done <- true
			}
			if n == laneBatch || len(calls) == 0 {
				break
			}
			c = <-calls
		}
		if far || c == nil {
			me.turn = false
			l.turns <- true
		}
		if n > 0 {
			asked := batch[0].at
			deadline := origin.Add(time.Duration(asked) + timeout)
			if line == nil || asked-lastUse > lineIdle {
				line = renew(runner, breaker, line, deadline, batch)
				me.line = line
			}
			if line != nil {
				var replies []string
				got := 0
				sent := int64(time.Since(origin))
				err := line.Net.SetDeadline(deadline)
				if err == nil {
					_, err = line.Net.Write([]byte(command))
				}
				if err == nil {
					got, err = line.Net.Read(line.Buffer)
				}
				if err == nil {
					replies = strings.Split(string(line.Buffer[:got]), "\r\n")
					if len(replies) != n+1 || replies[n] != "" {
						replies, err = line.Rest(string(line.Buffer[:got]), n)
					}
				}
				if err != nil {
					me.line = nil
					failAll(batch, breaker, line.Abandon(err))
					line = nil
				} else {
					lastUse = asked
					trips++
					if took := int64(time.Since(origin)) - sent; took < quickest {
						quickest = took
					}
					if trips == judged {
						far = quickest >= farAway
						quickest = int64(time.Hour)
						trips = 0
					}
					for i := 0; i < n; i++ {
						asker := batch[i]
						reply := replies[i]
						if len(reply) < 2 || reply[0] != '+' {
							// The server's refusal: the handler asks again, and deals with it.
							refused = true
						} else if reply[1] != '=' {
							asker.reply = reply[1:]
						} else {
							header := asker.w.Header()
							if len(header) > 0 {
								addFields(header, asker.gate.policies, asker.gate.name+reply[2:])
							} else {
								header["Ratelimit-Policy"] = asker.gate.policies
								header["Ratelimit"] = []string{asker.gate.name + reply[2:]}
							}
							asker.passed = true
						}
						batch[i] = nil
						asker.done <- true
					}
					if refused {
						// It may not be the right server any more: that is the pool's to know.
						me.line = nil
						line.Release()
						line = nil
					}
				}
			}
		}
		if c == nil {
			if line != nil {
				me.line = nil
				line.Release()
			}
			return
		}
	}
}

// renew finds a connection that is good for a batch, by the deadline: the one
// that the loop had, if it has not been used for a while, or a new one. Where
// there is none it answers the batch, or leaves it to the handlers while the
// store is known to be lost.
func renew(runner *resp.Client, breaker *core.Breaker, line *resp.Line, deadline time.Time, batch []*call) *resp.Line {
	if breaker.Open() {
		if line != nil {
			line.Release()
		}
		failAll(batch, breaker, nil)
		return nil
	}
	var err error
	if line != nil {
		line, err = line.Verify(deadline)
	} else {
		line, err = runner.Line(deadline)
	}
	if err != nil {
		failAll(batch, breaker, err)
		return nil
	}
	return line
}

// failAll answers a batch that was not decided. Whatever its size, to the breaker
// it is one decision that failed: one lost connection is no outage.
func failAll(batch []*call, breaker *core.Breaker, err error) {
	if err != nil {
		breaker.Failed(err)
	}
	for i, c := range batch {
		if c != nil {
			batch[i] = nil
			c.err = err
			c.done <- true
		}
	}
}

// serveDecided goes on with a request that the lane has asked the store about,
// or has left to the handler.
func serveDecided(h *handler, l *lane, c *call, r *http.Request) {
	if c.caller == nil {
		h.ServeHTTP(c.w, r)
		return
	}
	hits := []core.Hit{{Limit: h.simple.limits[0], Identity: c.caller.who, Cost: h.simple.cost}}
	var decision core.Decision
	switch {
	case c.err != nil:
		decision = h.limiter.DecideAlone(time.Now(), hits)
	case c.reply != "":
		decision = h.limiter.Settle(time.Now(), hits, redis.Read(c.reply, hits))
	default:
		decision = h.limiter.Decide(time.Now(), hits)
		if h.limiter.Leases != nil {
			learnShare(h, l, c.caller)
		}
	}
	if decision.Allowed || decision.Degraded || decision.RetryAfter == core.Never {
		finish(h, c.w, r, hits, decision)
		return
	}
	logDenial(h.name, hits, decision, clientOf(h, r))
	denyAndLearn(h, l, c, hits, decision)
}
