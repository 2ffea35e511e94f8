package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/weirproxy/weir/core"
)

// Limit says how many requests may pass, and who is counted.
type Limit struct {
	// The limit's name: letters, digits and `- _ . @`, unique in its handler.
	// Limits of one name, prefix and Redis share their counters, whichever
	// handler or proxy they run in.
	Name string `json:"name,omitempty"`

	// The requests that count. Default: all.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// Who is counted: any text with [placeholders](/docs/conventions#placeholders).
	// Requests for which it comes out alike share a counter; where it comes out
	// empty, the client's address is counted instead. In a store it is readable
	// only where it is an address: of anything else stands a hash.
	// Default: the client's address, `{http.vars.client_ip}`.
	Key string `json:"key,omitempty"`

	// How many requests may pass in which time: `100/1m`, `10/s`,
	// `100 per 15 minutes`, `unlimited`. A list, joined with commas, makes a
	// limit of each rate, named after the limit and the window. `0/1m` denies
	// everything.
	Rate string `json:"rate,omitempty"`

	// How requests are counted: `sliding-window`, `sliding-log`, `fixed-window`,
	// `token-bucket` or `leaky-bucket`. Default: `sliding-window`.
	Algorithm string `json:"algorithm,omitempty"`

	// The size of a token bucket, or how many requests may wait before a leaky
	// one. Default: the rate's count.
	Burst *int64 `json:"burst,omitempty"`

	// With a token bucket or a leaky one, hold a request back up to this long
	// rather than deny it. Default: 0 for a token bucket; for a leaky one as
	// long as its queue.
	MaxWait *caddy.Duration `json:"max_wait,omitempty"`

	// How many units of the rate a request takes: a number, or placeholders that
	// come out as one. Where they do not, it takes 1. Default: 1.
	Cost caddyhttp.WeakString `json:"cost,omitempty"`

	// Addresses and networks that are never counted nor denied.
	Exempt []string `json:"exempt,omitempty"`

	// Decide, count, log and report, but never deny or delay.
	DryRun bool `json:"dry_run,omitempty"`

	// How many units to fetch ahead from Redis for each key at most, and how long
	// they last: `50 1s`, or `50` for a second. Requests that they suffice for are
	// decided without asking Redis. Over any time, all proxies together let no
	// more through than the limit does in that time and the lease's together.
	// Units that nobody comes for are lost to the client. Not with `leaky-bucket`
	// nor `max_wait`. Default: none, every decision is exact.
	Lease caddyhttp.WeakString `json:"lease,omitempty"`

	// How many leading bits of an IPv4 address are counted, 0 for all.
	// Default: all.
	IPv4Prefix *int `json:"ipv4_prefix,omitempty"`

	// How many leading bits of an IPv6 address are counted, 0 for all.
	// Default: 64, since a host can choose any address of its network.
	IPv6Prefix *int `json:"ipv6_prefix,omitempty"`
}

// rule is a Limit made ready: which requests it concerns, and what it asks of
// each.
type rule struct {
	name     string
	matchers caddyhttp.MatcherSets
	exempt   core.Networks
	key      key
	cost     cost
	lease    core.Lease
	limits   []*core.Limit // one for each rate
}

// compile checks the limit and makes it ready, but for its matchers.
func (l *Limit) compile(prefix string) (*rule, error) {
	spec := core.Spec{Name: l.Name, Rate: l.Rate, Algorithm: l.Algorithm, Burst: l.Burst, DryRun: l.DryRun}
	if l.MaxWait != nil {
		wait := time.Duration(*l.MaxWait)
		spec.MaxWait = &wait
	}
	cost, err := parseCost(string(l.Cost))
	if err != nil {
		return nil, err
	}
	spec.Cost = cost.fixed
	if spec.Lease, err = core.ParseLease(string(l.Lease)); err != nil {
		return nil, err
	}
	limits, err := spec.Limits(prefix)
	if err != nil {
		return nil, err
	}
	exempt, err := core.ParseNetworks("exempt", l.Exempt)
	if err != nil {
		return nil, err
	}
	key, err := l.compileKey()
	if err != nil {
		return nil, err
	}
	return &rule{name: l.Name, exempt: exempt, key: key, cost: cost, lease: spec.Lease, limits: limits}, nil
}

func (l *Limit) compileKey() (key, error) {
	v4, v6 := 0, core.DefaultIPv6Prefix
	if l.IPv4Prefix != nil {
		v4 = *l.IPv4Prefix
	}
	if l.IPv6Prefix != nil {
		v6 = *l.IPv6Prefix
	}
	if v4 < 0 || v4 > 32 {
		return key{}, &core.OptionError{Option: "ipv4_prefix", Value: itoa(v4), Want: "a number of bits from 0 to 32"}
	}
	if v6 < 0 || v6 > 128 {
		return key{}, &core.OptionError{Option: "ipv6_prefix", Value: itoa(v6), Want: "a number of bits from 0 to 128"}
	}
	return parseKey(l.Key, v4, v6, l.IPv4Prefix != nil || l.IPv6Prefix != nil), nil
}

// provision makes the limit ready, matchers included.
func (l *Limit) provision(ctx caddy.Context, prefix string) (*rule, error) {
	rule, err := l.compile(prefix)
	if err != nil {
		return nil, fmt.Errorf("limit %s: %w", l.Name, err)
	}
	if l.MatcherSetsRaw != nil {
		matchers, err := ctx.LoadModule(l, "MatcherSetsRaw")
		if err != nil {
			return nil, fmt.Errorf("limit %s: match: %w", l.Name, err)
		}
		if err := rule.matchers.FromInterface(matchers); err != nil {
			return nil, fmt.Errorf("limit %s: match: %w", l.Name, err)
		}
	}
	return rule, nil
}

// hit appends what the rule asks of a request, if it concerns it.
func (ru *rule) hit(hits []core.Hit, r *http.Request, repl *caddy.Replacer) ([]core.Hit, error) {
	if matched, err := ru.matchers.AnyMatchWithError(r); err != nil || !matched {
		return hits, err
	}
	if len(ru.exempt) > 0 && ru.exempt.Contains(clientAddress(r)) {
		return hits, nil
	}
	identity, cost := ru.key.identity(r, repl), ru.cost.of(repl)
	for _, limit := range ru.limits {
		hits = append(hits, core.Hit{Limit: limit, Identity: identity, Cost: cost})
	}
	return hits, nil
}

// cost is how many units a request takes: fixed, or what text comes out as.
type cost struct {
	fixed int64
	text  string
}

func parseCost(s string) (cost, error) {
	if s == "" {
		return cost{fixed: 1}, nil
	}
	if hasPlaceholder(s) {
		return cost{text: s}, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > core.MaxCount {
		return cost{}, &core.OptionError{Option: "cost", Value: s, Want: fmt.Sprintf("a number from 1 to %d, or a placeholder", core.MaxCount)}
	}
	return cost{fixed: n}, nil
}

// of is the cost of one request: 1 where the text does not come out as a number,
// or as a negative one, which would give quota away.
func (c cost) of(repl *caddy.Replacer) int64 {
	if c.text == "" {
		return c.fixed
	}
	n, err := strconv.ParseInt(repl.ReplaceAll(c.text, ""), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && n > 0, n > core.MaxCount:
		return core.MaxCount
	case err != nil || n < 0:
		return 1
	}
	return n
}

func itoa(n int) string { return strconv.Itoa(n) }
