package caddymodule

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
)

// Compat are options of mholt/caddy-ratelimit, for configurations written for
// it.
type Compat struct {
	// Limits by name.
	RateLimits map[string]*Zone `json:"rate_limits,omitempty"`

	// How often to look for keys in memory that can be forgotten. They are
	// looked for every 10 seconds in any case. Default: every 10 seconds.
	SweepInterval caddy.Duration `json:"sweep_interval,omitempty"`

	// Log the key of a denied request, which may be a secret. Default: only the
	// limit and the client's address are logged.
	LogKey bool `json:"log_key,omitempty"`

	// Leave this handler's decisions out of the metrics.
	DisableMetrics bool `json:"disable_metrics,omitempty"`

	// Accepted and without effect: `redis` shares counters, exactly.
	Distributed *Distributed `json:"distributed,omitempty"`

	// Accepted and without effect: `redis` shares counters, exactly.
	Storage json.RawMessage `json:"storage,omitempty"`
}

// Distributed is accepted and without effect.
type Distributed struct {
	// Accepted and without effect.
	WriteInterval caddy.Duration `json:"write_interval,omitempty"`

	// Accepted and without effect.
	ReadInterval caddy.Duration `json:"read_interval,omitempty"`

	// Accepted and without effect.
	PurgeAge caddy.Duration `json:"purge_age,omitempty"`
}

// warn tells of what has no effect.
func (c *Compat) warn(logger *zap.Logger) {
	if c.Distributed != nil {
		logger.Warn("distributed has no effect: name a redis, which every proxy shares exactly")
	}
	if c.Storage != nil {
		logger.Warn("storage has no effect: name a redis, which every proxy shares exactly")
	}
}

// Zone is a limit as mholt/caddy-ratelimit has it: so many events in any window
// of that length.
type Zone struct {
	// The requests that count. Default: all.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// Who is counted, as in a limit. Without a key all requests share one
	// counter.
	Key string `json:"key,omitempty"`

	// How many requests may pass in the window. 0 denies everything.
	MaxEvents int64 `json:"max_events,omitempty"`

	// The length of the window.
	Window caddy.Duration `json:"window,omitempty"`

	// How many units to fetch ahead from Redis, as in a limit. Default: none.
	Lease caddyhttp.WeakString `json:"lease,omitempty"`

	// How many leading bits of an IPv4 address are counted. Default: all.
	IPv4Prefix *int `json:"ipv4_prefix,omitempty"`

	// How many leading bits of an IPv6 address are counted, 0 for all.
	// Default: 64.
	IPv6Prefix *int `json:"ipv6_prefix,omitempty"`
}

// everybody is the key of a zone without one. It is what Traefik's key `global`
// stands for, too.
const everybody = "global"

// limit is the zone in weir's own terms: the log that the ring buffer was, as
// long as a log is sensible.
func (z *Zone) limit(name string) (*Limit, error) {
	window := time.Duration(z.Window)
	if window <= 0 {
		return nil, fmt.Errorf("zone %s: %w", name, &core.OptionError{Option: "window", Value: window.String(), Want: "a duration of more than 0, such as 1m"})
	}
	l := &Limit{
		Name:           zoneName(name),
		MatcherSetsRaw: z.MatcherSetsRaw,
		Key:            z.Key,
		Rate:           core.Rate{Count: z.MaxEvents, Window: window}.String(),
		Algorithm:      core.SlidingLog.String(),
		Lease:          z.Lease,
		IPv4Prefix:     z.IPv4Prefix,
		IPv6Prefix:     z.IPv6Prefix,
	}
	if z.MaxEvents > core.MaxLogCount {
		l.Algorithm = core.SlidingWindow.String()
	}
	if l.Key == "" {
		l.Key = everybody
	}
	return l, nil
}

// zoneName makes a limit's name of a zone's, which may be any text.
func zoneName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.@", r)) {
			return r
		}
		return '-'
	}, s)
}

// zones are the limits of the zones, by name.
func (c *Compat) zones() ([]*Limit, error) {
	var limits []*Limit
	for _, name := range slices.Sorted(maps.Keys(c.RateLimits)) {
		zone := c.RateLimits[name]
		if zone == nil { // null in JSON
			zone = new(Zone)
		}
		limit, err := zone.limit(name)
		if err != nil {
			return nil, err
		}
		limits = append(limits, limit)
	}
	return limits, nil
}

// sweep has the store forget keys more often than it does by itself.
func sweep(ctx caddy.Context, store *memory.Store, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			store.Sweep(now)
		case <-ctx.Done():
			return
		}
	}
}
