package main

import (
	"fmt"
	"strings"
)

// contestant is a route of a proxy, limited in its own way.
type contestant struct {
	limiter string // "none" where there is no limit
	store   string
	builtIn bool
	denied  bool // whether this route denies
	// options are the middleware's in Traefik, the handler's in a Caddyfile.
	options string
}

// label is how the contestant is called in a table, path how its route is.
func (c contestant) label() string {
	if c.limiter == "none" {
		return "no limiter"
	}
	path := "allowed"
	if c.denied {
		path = "denied"
	}
	return c.limiter + ", " + c.store + ", " + path
}

func (c contestant) path() string {
	return "/" + strings.ReplaceAll(strings.ReplaceAll(c.label(), ",", ""), " ", "-")
}

// The limits: one that no load reaches, and one that is spent by the first
// request of a run. The same in both proxies' words, and for Traefik's own
// limiter as for weir.
const (
	traefikAllows = "average: 1000000, burst: 1000000"
	traefikDenies = "average: 1, period: 1h, burst: 1"
	caddyAllows   = "1000000/1s"
	caddyDenies   = "1/1h"
)

// lease is fetched ahead where a contestant has a lease. Traefik's words have no
// place for one, since they let requests wait: weir's own say the same bucket.
const (
	lease        = "1000 1s"
	traefikLease = "rate: 1000000/1s, algorithm: token-bucket, lease: " + lease
	withLease    = "Redis with a lease"
)

func traefikContestants(redis string) []contestant {
	all := []contestant{{limiter: "none"}}
	for _, denied := range []bool{false, true} {
		limit := traefikAllows
		if denied {
			limit = traefikDenies
		}
		for _, store := range []string{"memory", "Redis"} {
			options := limit
			if store == "Redis" {
				options += fmt.Sprintf(", redis: {endpoints: [%q]}", redis)
			}
			all = append(all,
				contestant{"built-in", store, true, denied, "{rateLimit: {" + options + "}}"},
				contestant{"weir", store, false, denied, "{plugin: {weir: {" + options + "}}}"})
		}
		if !denied {
			options := fmt.Sprintf("%s, redis: {endpoints: [%q]}", traefikLease, redis)
			all = append(all, contestant{"weir", withLease, false, denied, "{plugin: {weir: {" + options + "}}}"})
		}
	}
	return all
}

func caddyContestants(redis string) []contestant {
	all := []contestant{{limiter: "none"}}
	for _, denied := range []bool{false, true} {
		limit := caddyAllows
		if denied {
			limit = caddyDenies
		}
		for _, store := range []string{"memory", "Redis", withLease} {
			if denied && store == withLease {
				continue
			}
			c := contestant{"weir", store, false, denied, ""}
			options, more := "", ""
			if store != "memory" {
				// As long as Traefik waits: what a busy machine delays is not lost.
				options = "redis " + redis + "\ntimeout 3s\n"
			}
			if store == withLease {
				more = "lease " + lease + "\n"
			}
			c.options = fmt.Sprintf("%slimit %s {\nrate %s\nalgorithm token-bucket\n%s}\n", options, strings.TrimPrefix(c.path(), "/"), limit, more)
			all = append(all, c)
		}
	}
	return all
}

// dynamic is a configuration of Traefik with a route for each.
func dynamic(all []contestant, upstream string) string {
	var routers, middlewares strings.Builder
	for _, c := range all {
		name, through := c.path()[1:], ""
		if c.options != "" {
			through = fmt.Sprintf(", middlewares: [%s]", name)
			fmt.Fprintf(&middlewares, "    %s: %s\n", name, c.options)
		}
		fmt.Fprintf(&routers, "    %s: {rule: \"Path(`%s`)\", service: site%s}\n", name, c.path(), through)
	}
	return fmt.Sprintf("http:\n  routers:\n%s  middlewares:\n%s  services:\n    site: {loadBalancer: {servers: [{url: %q}]}}\n", &routers, &middlewares, upstream)
}

func caddyfile(all []contestant, upstream string) string {
	var handlers strings.Builder
	for _, c := range all {
		limiter := ""
		if c.options != "" {
			limiter = "weir {\n" + c.options + "}\n"
		}
		fmt.Fprintf(&handlers, "handle %s {\n%sreverse_proxy %s\n}\n", c.path(), limiter, upstream)
	}
	return fmt.Sprintf("{\nadmin {$WEIR_ADMIN}\n}\nhttp://{$WEIR_LISTEN} {\n%s}\n", &handlers)
}
