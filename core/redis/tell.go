package redis

import (
	"strings"

	"github.com/weirproxy/weir/core"
)

// Tell is for a caller that speaks to the server itself, to decide one hit: the
// script, its arguments, and what comes in its key before and after the identity.
// The reply begins with a "=" where the hit was allowed, charged and need not
// wait; what follows is the value of RateLimit after the limit's name. Any other
// is for Read.
func Tell(l *core.Limit, cost int64) (script *Script, args []string, head, tail string) {
	const identity = "\x00"
	head, tail, _ = strings.Cut(core.Key(l, identity), identity)
	return takeScript, []string{core.Parameters(l, cost), "tell " + core.Words(l)}, head, tail
}

// Read fills in the Results of the hits that Tell's script, or Take, was asked
// to decide, from its reply.
func Read(reply string, hits []core.Hit) error { return read(reply, true, hits) }
