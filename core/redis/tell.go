package redis

import "github.com/weirproxy/weir/core"

// Tell is for a caller that speaks to the server itself, to decide one hit: the
// script and its arguments. The reply begins with a "=" where the hit was allowed,
// charged and need not wait; what follows is the value of RateLimit after the
// limit's name. Any other is for Read.
func Tell(l *core.Limit, cost int64) (script *Script, args []string) {
	free, room := core.Words(l)
	return takeScript, []string{core.Parameters(l, cost), "tell", "", free, room}
}

// Read fills in the Results of the hits that Tell's script, or Take, was asked
// to decide, from its reply.
func Read(reply string, hits []core.Hit) error { return read(reply, true, hits) }
