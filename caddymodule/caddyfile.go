package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/weirproxy/weir/core"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("weir", parseGlobalOption)
	httpcaddyfile.RegisterHandlerDirective("weir", parseDirective)
	// Before the expensive check of a password.
	httpcaddyfile.RegisterDirectiveOrder("weir", httpcaddyfile.Before, "basic_auth")
}

// defaultName is the name of a limit that a directive says without a block.
const defaultName = "default"

// parseGlobalOption reads the defaults of all handlers. Syntax:
//
//	weir {
//		<settings...>
//	}
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // the option's name
	if existing != nil {
		return nil, d.Err("weir: already set")
	}
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	app := new(App)
	b := newBlock(d, "")
	for d.NextBlock(0) {
		if err := b.option(settingNames); err != nil {
			return nil, err
		}
		if err := b.setting(&app.Settings); err != nil {
			return nil, err
		}
	}
	return httpcaddyfile.App{Name: "weir", Value: caddyconfig.JSON(app, nil)}, nil
}

func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	return ParseCaddyfile(h)
}

// ParseCaddyfile reads a handler from its directive. Syntax:
//
//	weir [<matcher>] [<rate>] {
//		limit <name> {
//			match [<matcher>] | { <matchers...> }
//			key         <text>
//			rate        <rates...>
//			algorithm   <name>
//			burst       <n>
//			max_wait    <duration>
//			cost        <n>|<text>
//			exempt      <networks...>
//			ipv4_prefix <bits>
//			ipv6_prefix <bits>
//			dry_run
//			lease       <units> [<duration>]
//		}
//
//		redis      <addresses...> { ... }
//		prefix     <text>
//		on_error   local|allow|deny
//		timeout    <duration>
//		headers    ratelimit|x-ratelimit|off...
//		response   { ... }
//		jitter     <fraction>
//		max_keys   <n>
//	}
//
// A handler with a single limit, named default, may have the options of that
// limit in its own block. What mholt/caddy-ratelimit has stands beside all this:
// zone, sweep_interval, log_key, disable_metrics, distributed, storage.
func ParseCaddyfile(h httpcaddyfile.Helper) (*Handler, error) {
	h.Next() // the directive's name
	p := &directive{Helper: h, block: newBlock(h.Dispenser, ""), start: h.Token(), handler: new(Handler)}
	p.single = &Limit{Name: defaultName, Rate: strings.Join(h.RemainingArgs(), " ")}
	if p.single.Rate != "" {
		p.block.seen["rate"] = h.Token()
	}
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		if err := p.option(); err != nil {
			return nil, err
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.handler, nil
}

// directive is one that is being read.
type directive struct {
	httpcaddyfile.Helper
	block   *block
	start   caddyfile.Token
	handler *Handler

	// single is the limit whose options stand in the directive's own block.
	single *Limit
}

var directiveNames = slices.Concat([]string{"limit", "zone"}, limitNames, settingNames, compatNames)

func (p *directive) option() error {
	name := p.Val()
	if err := p.block.option(directiveNames); err != nil {
		return err
	}
	switch {
	case name == "limit":
		return p.add(parseLimit(p.Helper))
	case name == "zone":
		return p.add(parseZone(p.Helper))
	case slices.Contains(limitNames, name):
		return p.block.limitOption(p.Helper, p.single)
	case slices.Contains(settingNames, name):
		return p.block.setting(&p.handler.Settings)
	}
	return p.block.compatOption(&p.handler.Compat)
}

// add checks a limit together with those before it.
func (p *directive) add(limit *Limit, b *block, err error) error {
	if err != nil {
		return err
	}
	start := p.block.seen["limit"]
	if strings.HasPrefix(b.name, "zone") {
		start = p.block.seen["zone"]
	}
	if _, err := limit.compile(core.DefaultPrefix); err != nil {
		return b.locate(err, start)
	}
	p.handler.Limits = append(p.handler.Limits, limit)
	if err := p.handler.checkLimits(); err != nil {
		return at(start, err)
	}
	return nil
}

func (p *directive) finish() error {
	own := slices.IndexFunc(limitNames, p.block.has)
	switch {
	case own < 0 && len(p.handler.Limits) == 0:
		return at(p.start, errNoLimit)
	case own < 0:
		return nil
	case len(p.handler.Limits) > 0:
		name := limitNames[own]
		return at(p.block.seen[name], fmt.Errorf("%s: want it in one of the limits, or no limits beside it", name))
	}
	if _, err := p.single.compile(core.DefaultPrefix); err != nil {
		return p.block.locate(err, p.start)
	}
	p.handler.Limits = []*Limit{p.single}
	return nil
}

// checkLimits finds what is wrong with the limits taken together.
func (h *Handler) checkLimits() error {
	var rules []*rule
	for _, limit := range h.Limits {
		rule, err := limit.compile(core.DefaultPrefix)
		if err != nil {
			return err
		}
		rules = append(rules, rule)
	}
	return checkNames(rules)
}

// parseLimit reads a limit and the block that it stands in.
func parseLimit(h httpcaddyfile.Helper) (*Limit, *block, error) {
	limit := new(Limit)
	if !h.AllArgs(&limit.Name) {
		return nil, nil, h.ArgErr()
	}
	b := newBlock(h.Dispenser, "limit "+limit.Name+": ")
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		if err := b.option(limitNames); err != nil {
			return nil, nil, err
		}
		if err := b.limitOption(h, limit); err != nil {
			return nil, nil, err
		}
	}
	return limit, b, nil
}

var limitNames = []string{"match", "key", "rate", "algorithm", "burst", "max_wait", "cost", "exempt", "ipv4_prefix", "ipv6_prefix", "dry_run", "lease"}

func (b *block) limitOption(h httpcaddyfile.Helper, l *Limit) (err error) {
	switch b.Val() {
	case "match":
		return b.match(h, l)
	case "key":
		return b.text(&l.Key)
	case "rate":
		rates := b.RemainingArgs()
		if len(rates) == 0 {
			return b.ArgErr()
		}
		l.Rate = strings.Join(rates, " ")
	case "algorithm":
		return b.text(&l.Algorithm)
	case "burst":
		l.Burst, err = number[int64](b)
	case "max_wait":
		l.MaxWait, err = b.duration()
	case "cost":
		return b.text((*string)(&l.Cost))
	case "exempt":
		l.Exempt = b.RemainingArgs()
		if len(l.Exempt) == 0 {
			return b.ArgErr()
		}
	case "ipv4_prefix":
		l.IPv4Prefix, err = number[int](b)
	case "ipv6_prefix":
		l.IPv6Prefix, err = number[int](b)
	case "dry_run":
		return b.flag(&l.DryRun)
	case "lease":
		lease := b.RemainingArgs()
		if len(lease) == 0 {
			return b.ArgErr()
		}
		l.Lease = caddyhttp.WeakString(strings.Join(lease, " "))
	}
	return err
}

// match reads a matcher token (@name, /path) or a block of matchers. Several are
// alternatives.
func (b *block) match(h httpcaddyfile.Helper, l *Limit) error {
	if arguments := b.CountRemainingArgs(); arguments == 1 {
		matchers, ok, err := h.MatcherToken()
		if err != nil {
			return err
		}
		if ok {
			l.MatcherSetsRaw = append(l.MatcherSetsRaw, matchers)
			return nil
		}
		b.Prev()
	}
	matchers, err := caddyhttp.ParseCaddyfileNestedMatcherSet(b.Dispenser)
	if err != nil {
		return err
	}
	if len(matchers) == 0 {
		return b.wrap(errors.New("match: want matchers, such as path /api/*"))
	}
	l.MatcherSetsRaw = append(l.MatcherSetsRaw, matchers)
	return nil
}
