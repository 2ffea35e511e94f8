package redis

import (
	"strconv"
	"strings"

	"github.com/weirproxy/weir/core"
)

// read fills in the Results from takeScript's reply.
func read(reply string, take bool, hits []core.Hit) error {
	fields := strings.Fields(reply)
	if len(fields) != 1+4*len(hits) {
		return badReply(reply)
	}
	now, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return badReply(reply)
	}
	if len(hits) > 1 && take {
		take = allAllow(fields, hits)
	}
	for i := range hits {
		if !readHit(&hits[i], now, take, fields[1+4*i:]) {
			return badReply(reply)
		}
	}
	return nil
}

// allAllow reports whether the script charged the hits that it allowed.
func allAllow(fields []string, hits []core.Hit) bool {
	for i := range hits {
		if fields[1+4*i] != "1" && !hits[i].Limit.DryRun {
			return false
		}
	}
	return true
}

// readHit reads the four numbers of one hit. charge is whether an allowed one
// was charged.
func readHit(h *core.Hit, now int64, charge bool, fields []string) bool {
	at, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return false
	}
	state := core.State{At: at}
	allowed := fields[0] == "1"
	if fields[0] == "2" {
		state.Blocked = at
	} else if h.Limit.Algorithm >= core.TokenBucket {
		// Not a comparison the other way round, which NaN would pass.
		state.Debt, err = strconv.ParseFloat(fields[2], 64)
		if !(state.Debt >= 0 && state.Debt <= maxDebt) {
			return false
		}
	} else if !readWindow(h, &state, fields) {
		return false
	}
	core.Describe(h.Limit, &state, now, h.Cost, allowed, charge && allowed && h.Cost > 0, &h.Result)
	return err == nil
}

// maxDebt is more µs than any bucket takes to be full again.
const maxDebt = 1e17

func readWindow(h *core.Hit, state *core.State, fields []string) bool {
	used, err := strconv.ParseInt(fields[2], 10, 64)
	state.Used = used
	if err != nil || used < 0 || used > core.MaxCount {
		return false
	}
	if fields[3] == "0" {
		return true
	}
	n, err := strconv.ParseInt(fields[3], 10, 64)
	if h.Limit.Algorithm == core.SlidingLog {
		state.Leaves = n
		return err == nil
	}
	state.Previous = n
	return err == nil && n >= 0 && n <= core.MaxCount
}

// badReply is an answer that the script never gives: something else answered.
func badReply(reply string) error {
	if len(reply) > 80 {
		reply = reply[:80] + "…"
	}
	return ServerError("unexpected reply " + strconv.Quote(reply))
}
