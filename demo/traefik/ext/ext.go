// Package ext stands for a part of Traefik that only its repository has: the
// extension points of its dynamic configuration, empty there too.
package ext

// HTTP extends the configuration of HTTP.
type HTTP struct{}

// Router extends the configuration of a router.
type Router struct{}
