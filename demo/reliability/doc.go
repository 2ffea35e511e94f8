// Package reliability sends steady loads through a real Traefik and a real
// Caddy that share a Redis, while that Redis fails in every way it can. What its
// tests print is in docs/reliability.md.
package reliability
