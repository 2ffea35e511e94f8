package caddymodule

import (
	"errors"
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

// parseDirective reads a handler. Syntax:
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
// The options of a limit may stand in the handler's block itself: they are then
// those of a limit named default.
func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // the directive's name
	handler := new(Handler)
	directive := h.Token()
	b := newBlock(h.Dispenser, "")
	single := &Limit{Name: defaultName, Rate: strings.Join(h.RemainingArgs(), " ")}
	if single.Rate != "" {
		b.seen["rate"] = h.Token()
	}
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		if h.Val() == "limit" {
			if err := parseLimit(h, handler); err != nil {
				return nil, err
			}
			continue
		}
		if err := b.option(slices.Concat([]string{"limit"}, limitNames, settingNames)); err != nil {
			return nil, err
		}
		var err error
		if slices.Contains(limitNames, h.Val()) {
			err = b.limitOption(h, single)
		} else {
			err = b.setting(&handler.Settings)
		}
		if err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(limitNames, func(name string) bool { return b.has(name) }) {
		if _, err := single.compile(core.DefaultPrefix); err != nil {
			return nil, b.locate(err, directive)
		}
		handler.Limits = slices.Insert(handler.Limits, 0, single)
	}
	if len(handler.Limits) == 0 {
		return nil, at(directive, errors.New("weir: no limit: want a rate, such as 100/1m, or limits"))
	}
	if err := handler.checkLimits(); err != nil {
		return nil, at(directive, err)
	}
	return handler, nil
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

func parseLimit(h httpcaddyfile.Helper, handler *Handler) error {
	start := h.Token()
	limit := new(Limit)
	if !h.Args(&limit.Name) || h.NextArg() {
		return h.ArgErr()
	}
	if slices.ContainsFunc(handler.Limits, func(l *Limit) bool { return l.Name == limit.Name }) {
		return h.WrapErr(core.CheckNames([]*core.Limit{{Name: limit.Name}, {Name: limit.Name}}))
	}
	b := newBlock(h.Dispenser, "limit "+limit.Name+": ")
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		if err := b.option(limitNames); err != nil {
			return err
		}
		if err := b.limitOption(h, limit); err != nil {
			return err
		}
	}
	if _, err := limit.compile(core.DefaultPrefix); err != nil {
		return b.locate(err, start)
	}
	handler.Limits = append(handler.Limits, limit)
	return nil
}

var limitNames = []string{"match", "key", "rate", "algorithm", "burst", "max_wait", "cost", "exempt", "ipv4_prefix", "ipv6_prefix", "dry_run"}

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
