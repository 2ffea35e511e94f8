package resp

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

// maxAttempts bounds how often one call asks: redirections, reconnections and
// pauses together.
const maxAttempts = 8

// call is a Run whose first attempt did not end with a reply.
type call struct {
	client     *Client
	deadline   time.Time
	script     *redis.Script
	keys, args []string

	pool    *pool
	unknown bool // whether the script's source has to be sent
	asking  bool // whether ASKING comes first
}

// pursue deals with how an attempt ended, and tries again where the script
// certainly has not run and there is a way on.
func (c *call) pursue(cn *conn, outcome int, err error) (string, error) {
	for n := 1; ; n++ {
		if !c.settle(cn, outcome, err) || n == maxAttempts {
			if c.client.closing() {
				err = errClosed
			}
			return "", err
		}
		reply := ""
		outcome = unreached
		cn, err = take(c.pool, c.deadline)
		if err == nil {
			reply, outcome, err = c.attempt(cn)
		}
		if outcome == answered {
			give(c.pool, cn)
			return reply, nil
		}
	}
}

func (c *call) attempt(cn *conn) (string, int, error) {
	command := ""
	if c.unknown {
		command = eval(c.script, c.keys, c.args)
	} else {
		command = evalsha(c.script, c.keys, c.args)
	}
	if c.asking {
		return exchangeAsking(cn, c.deadline, command)
	}
	return exchange(cn, c.deadline, command)
}

// settle puts the connection where it belongs and says whether to try again.
func (c *call) settle(cn *conn, outcome int, err error) bool {
	switch outcome {
	case unreached:
		return c.client.cluster != nil && c.elsewhere()
	case overdue:
		give(c.pool, cn)
		return false
	case unsent:
		c.pool.drop(cn)
		c.pool.flush()
		return true
	case lost:
		// Not tried again: it could charge twice.
		c.pool.drop(cn)
		if late(err) {
			// The others may be fine: closing them would make a slow server slower.
			c.pool.onLoss()
		} else {
			c.pool.flush()
		}
		return false
	}
	text := string(err.(redis.ServerError))
	switch code(text) {
	case "READONLY", "MASTERDOWN":
		return c.pool.reject(cn, err)
	case "NOAUTH":
		c.pool.drop(cn)
		return false
	}
	give(c.pool, cn)
	switch code(text) {
	case "NOSCRIPT":
		again := !c.unknown
		c.unknown = true
		return again
	case "MOVED", "ASK":
		return c.client.cluster != nil && c.redirect(cn.address, text)
	case "TRYAGAIN":
		// The slot is being moved and has some of the keys here, some there.
		return c.pause(10 * time.Millisecond)
	case "CLUSTERDOWN":
		return c.client.cluster != nil && c.pause(10*time.Millisecond) && c.reroute()
	}
	return false
}

// elsewhere finds out whether the keys have another owner by now than the one
// that could not be reached.
func (c *call) elsewhere() bool {
	before := c.pool
	return c.reroute() && c.pool != before
}

// reroute looks the keys up in a new table.
func (c *call) reroute() bool {
	cl := c.client.cluster
	cl.await(cl.refresh(), c.deadline)
	p, err := owner(cl, c.deadline, c.keys)
	if err != nil {
		return false
	}
	c.pool, c.asking = p, false
	return true
}

// redirect follows "MOVED 3999 host:port" or "ASK 3999 host:port".
func (c *call) redirect(from, text string) bool {
	fields := strings.Fields(text)
	if len(fields) < 3 {
		return false
	}
	slot, err := strconv.Atoi(fields[1])
	if err != nil || slot < 0 || slot >= slotCount {
		return false
	}
	colon := strings.LastIndexByte(fields[2], ':')
	if colon < 0 {
		return false
	}
	p := c.client.cluster.node(announced(fields[2][:colon], fields[2][colon+1:], from))
	if p == nil {
		return false
	}
	c.pool, c.asking = p, fields[0] == "ASK"
	if !c.asking {
		c.client.cluster.moved(slot, p)
	}
	return true
}

// pause waits, unless that would take the call's time.
func (c *call) pause(d time.Duration) bool {
	if time.Until(c.deadline) <= d {
		return false
	}
	ctx, cancel := context.WithTimeout(c.client.ctx, d)
	defer cancel()
	<-ctx.Done()
	return c.client.ctx.Err() == nil
}
