package traefikplugin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/resp"
)

const (
	// redisLoops is how many round trips of a lane are under way at most. Fewer
	// share more, and let a call wait for longer where the server is far away.
	redisLoops = 4

	// laneBatch bounds the calls of one round trip.
	laneBatch = 64

	// lineIdle is for how long a loop trusts a connection that it does not use.
	lineIdle = int64(time.Second)
)

// decideInRedis is a loop of a lane. It asks for all calls that are there in one
// round trip, on a connection of its own.
func decideInRedis(l *lane, client *resp.Client, breaker *core.Breaker, timeout time.Duration) {
	calls, origin := l.calls, l.origin
	batch := make([]*call, laneBatch)
	var line *resp.Line
	lastUse := int64(0)
	mu := l.mu
	for {
		c := <-calls
		n := 0
		command := ""
		flooded := l.flooded.Load()
		for c != nil {
			peer := c.peer
			colon := strings.IndexByte(peer, ':')
			if colon < 7 || peer[0] > '9' {
				c.done <- true
			} else {
				who := peer[:colon]
				c.who = who
				if flooded {
					mu.Lock()
					d := l.recent[c.gate.id+who]
					if d == nil {
						d = l.older[c.gate.id+who]
					}
					if d != nil && c.at >= d.from && c.at < d.until {
						c.denied = d
					}
					mu.Unlock()
				}
				asks := true
				if c.gate.lease > 0 && c.denied == nil {
					mu.Lock()
					s := l.shares[c.gate.id+who]
					if s == nil || c.at >= s.until {
						// Not asked for lately: this decision alone is the store's.
						if len(l.shares) >= maxShares {
							l.shares = map[string]*share{}
						}
						l.shares[c.gate.id+who] = &share{until: c.at + c.gate.lease}
					} else {
						left := int64(-1)
						if s.left != nil && *s.fetches == s.fetch {
							left = *s.left - c.gate.cost
						}
						if left >= 0 {
							*s.left = left
							asks = false
							c.told = strconv.FormatInt(s.remaining+left, 10)
							if s.refill > c.at {
								c.told += ";t=" + strconv.FormatInt((s.refill-c.at+999999999)/1000000000, 10)
							}
						} else {
							// Nothing ahead. One goes and fetches, others ask meanwhile.
							asks = s.fetching
							s.fetching = true
						}
					}
					mu.Unlock()
				}
				if c.denied != nil || !asks {
					c.done <- true
				} else {
					batch[n] = c
					n++
					command += c.gate.before[len(who)] + who + c.gate.after
				}
			}
			if n == laneBatch || len(calls) == 0 {
				break
			}
			c = <-calls
		}
		if n > 0 {
			asked := batch[0].at
			deadline := origin.Add(time.Duration(asked) + timeout)
			if line == nil || asked-lastUse > lineIdle {
				line = renew(client, breaker, line, deadline, batch[:n])
			}
			if line != nil {
				var replies []string
				got := 0
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
					failAll(batch[:n], line.Abandon(err))
					line = nil
				} else {
					lastUse = asked
					for i := 0; i < n; i++ {
						asker := batch[i]
						reply := replies[i]
						if len(reply) < 2 || reply[0] != '+' {
							// The server's refusal: the handler asks again, and deals with it.
						} else if reply[1] == '=' {
							asker.told = reply[2:]
						} else {
							asker.reply = reply[1:]
						}
						asker.done <- true
					}
				}
			}
		}
		if c == nil {
			if line != nil {
				line.Release()
			}
			return
		}
	}
}

// renew finds a connection that is good for a batch, by the deadline. Where
// there is none it answers the batch, or leaves it to the handlers while the
// store is known to be lost.
func renew(client *resp.Client, breaker *core.Breaker, line *resp.Line, deadline time.Time, batch []*call) *resp.Line {
	if line != nil {
		line.Release()
	}
	if breaker.Open() {
		failAll(batch, nil)
		return nil
	}
	fresh, err := client.Line(deadline)
	if err != nil {
		failAll(batch, err)
		return nil
	}
	return fresh
}

func failAll(batch []*call, err error) {
	for _, c := range batch {
		c.err = err
		c.done <- true
	}
}

// serveDecided goes on with a request that the lane has asked the store about,
// or has left to the handler.
func serveDecided(h *handler, l *lane, c *call, w http.ResponseWriter, r *http.Request) {
	hits := []core.Hit{{Limit: h.simple.limits[0], Identity: c.who, Cost: h.simple.cost}}
	var decision core.Decision
	switch {
	case c.err != nil:
		decision = h.limiter.Settle(time.Now(), hits, c.err)
	case c.reply != "":
		decision = h.limiter.Settle(time.Now(), hits, redis.Read(c.reply, hits))
	default:
		hits = simpleHit(h.simple, r.RemoteAddr)
		decision = h.limiter.Decide(time.Now(), hits)
		learnShare(h, l, c)
	}
	if decision.Allowed || decision.Degraded || decision.RetryAfter == core.Never || c.who == "" {
		finish(h, w, r, hits, decision)
		return
	}
	logDenial(h.name, hits, decision, clientOf(h, r))
	denyAndLearn(h, l, c, w, hits, decision)
}
