package traefikplugin

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/weirproxy/weir/core"
)

// rule is a Limit that is ready to count by: one core.Limit for each of its
// rates, all of one identity.
type rule struct {
	name   string
	limits []*core.Limit
	key    key
	cost   int64

	// match is nil where every request counts.
	match  *matcher
	exempt core.Networks
}

// readRules makes the rules of the limits configured. Errors are of type
// *core.OptionError.
func readRules(c *Config, name, prefix string) ([]rule, error) {
	if len(c.Limits) == 0 {
		only, err := onlyLimit(c, name)
		if err != nil {
			return nil, err
		}
		r, err := readRule(&only, prefix, c.Redis != nil)
		return []rule{r}, err
	}
	misplaced := firstSet(reflect.ValueOf(c.One))
	if misplaced == "" {
		misplaced = traefikOption(c)
	}
	if misplaced != "" {
		return nil, &core.OptionError{Option: misplaced, Value: "beside limits", Want: "it inside one of the limits, or no limits"}
	}
	rules := make([]rule, len(c.Limits))
	var all []*core.Limit
	for i := range c.Limits {
		block := "limits[" + strconv.Itoa(i) + "]."
		r, err := readRule(&c.Limits[i], prefix, c.Redis != nil)
		if err != nil {
			return nil, inBlock(block, err)
		}
		rules[i] = r
		all = append(all, r.limits...)
		if err := core.CheckNames(all); err != nil {
			return nil, inBlock(block, err)
		}
	}
	return rules, nil
}

// onlyLimit is the limit of the one-line form.
func onlyLimit(c *Config, name string) (Limit, error) {
	only := c.One
	if only.Name == "" {
		only.Name = limitName(name)
	}
	if traefikOption(c) == "" {
		return only, nil
	}
	return traefikLimit(c, only)
}

// readRule makes the rule of one limit; inRedis says where it is counted.
func readRule(l *Limit, prefix string, inRedis bool) (rule, error) {
	r := rule{name: l.Name}
	var err error
	spec := core.Spec{Name: l.Name, Rate: strings.Join(l.Rate, ","), Algorithm: l.Algorithm}
	if l.Burst != "" {
		burst, err := readInt("burst", l.Burst, 0)
		if err != nil {
			return r, err
		}
		spec.Burst = &burst
	}
	if l.MaxWait != "" {
		wait, err := core.ParseDuration("max_wait", l.MaxWait)
		if err != nil {
			return r, err
		}
		spec.MaxWait = &wait
	}
	if spec.Cost, err = readBetween("cost", l.Cost, 1, 1, core.MaxCount); err != nil {
		return r, err
	}
	r.cost = spec.Cost
	if spec.DryRun, err = readBool("dryRun", l.DryRun); err != nil {
		return r, err
	}
	if spec.Lease, err = readLease(l.Lease, inRedis); err != nil {
		return r, err
	}
	if r.limits, err = spec.Limits(prefix); err != nil {
		return r, err
	}
	if r.key, err = readKey(l.Key); err != nil {
		return r, err
	}
	v4, err := readBetween("ipv4Prefix", l.IPv4Prefix, 0, 0, 32)
	if err != nil {
		return r, err
	}
	v6, err := readBetween("ipv6Prefix", l.IPv6Prefix, core.DefaultIPv6Prefix, 0, 128)
	if err != nil {
		return r, err
	}
	r.key.v4, r.key.v6 = int(v4), int(v6)
	if r.match, err = readMatch(l.Match); err != nil {
		return r, err
	}
	r.exempt, err = core.ParseNetworks("exempt", trimmed(l.Exempt))
	return r, err
}

func readLease(s string, inRedis bool) (core.Lease, error) {
	lease, err := core.ParseLease(s)
	if err == nil && lease.Units > 0 && !inRedis {
		err = core.LeaseNeedsRedis(lease)
	}
	return lease, err
}

// limitName makes a limit's name of a middleware's, such as "limit@file".
func limitName(middleware string) string {
	name := []byte(middleware)
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' && c != '@' {
			name[i] = '-'
		}
	}
	return string(name)
}
