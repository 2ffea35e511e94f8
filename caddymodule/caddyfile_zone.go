package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

var (
	zoneNames        = []string{"match", "key", "window", "events", "lease", "ipv4_prefix", "ipv6_prefix"}
	compatNames      = []string{"sweep_interval", "log_key", "disable_metrics", "distributed", "storage"}
	distributedNames = []string{"read_interval", "write_interval", "purge_age"}
)

// parseZone reads a limit in the syntax of mholt/caddy-ratelimit:
//
//	zone <name> {
//		match { <matchers...> }
//		key         <text>
//		window      <duration>
//		events      <n>
//		lease       <units> [<duration>]
//		ipv4_prefix <bits>
//		ipv6_prefix <bits>
//	}
func parseZone(h httpcaddyfile.Helper) (*Limit, *block, error) {
	start := h.Token()
	var name string
	if !h.AllArgs(&name) {
		return nil, nil, h.ArgErr()
	}
	zone, scope := new(Zone), new(Limit)
	b := newBlock(h.Dispenser, "zone "+name+": ")
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		if err := b.option(zoneNames); err != nil {
			return nil, nil, err
		}
		var err error
		switch b.Val() {
		case "window":
			err = b.positive(&zone.Window)
		case "events":
			b.seen["rate"] = b.Token()
			var events *int64
			if events, err = number[int64](b); err == nil {
				zone.MaxEvents = *events
			}
		default:
			err = b.limitOption(h, scope)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	zone.Lease = scope.Lease
	zone.MatcherSetsRaw, zone.Key, zone.IPv4Prefix, zone.IPv6Prefix = scope.MatcherSetsRaw, scope.Key, scope.IPv4Prefix, scope.IPv6Prefix
	for _, required := range []string{"window", "events"} {
		if !b.has(required) {
			return nil, nil, at(start, missing("zone "+name, required))
		}
	}
	limit, err := zone.limit(name)
	if err != nil {
		return nil, nil, at(start, err)
	}
	return limit, b, nil
}

// compatOption reads an option of mholt/caddy-ratelimit.
func (b *block) compatOption(c *Compat) (err error) {
	switch b.Val() {
	case "sweep_interval":
		err = b.positive(&c.SweepInterval)
	case "log_key":
		err = b.flag(&c.LogKey)
	case "disable_metrics":
		err = b.flag(&c.DisableMetrics)
	case "distributed":
		c.Distributed, err = b.distributed()
	case "storage":
		c.Storage, err = b.storage()
	}
	return err
}

func (b *block) distributed() (*Distributed, error) {
	if b.NextArg() {
		return nil, b.ArgErr()
	}
	d, inner := new(Distributed), b.within("distributed")
	for nesting := b.Nesting(); b.NextBlock(nesting); {
		if err := inner.option(distributedNames); err != nil {
			return nil, err
		}
		targets := map[string]*caddy.Duration{
			"read_interval": &d.ReadInterval, "write_interval": &d.WriteInterval, "purge_age": &d.PurgeAge,
		}
		if err := inner.positive(targets[b.Val()]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (b *block) storage() ([]byte, error) {
	if !b.NextArg() {
		return nil, b.ArgErr()
	}
	name := b.Val()
	storage, err := caddyfile.UnmarshalModule(b.Dispenser, "caddy.storage."+name)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(storage, "module", name, nil), nil
}
