// Package weir is the root of a rate limiter that runs in two proxies: as the
// Traefik plugin in traefikplugin and as the Caddy module in caddymodule. Both
// share the engine in core, and whatever they count in one Redis they count
// together. This package has nothing in it.
package weir
