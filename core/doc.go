// Package core decides whether a request may pass. It knows limits, who is
// counted and how, and what the answer says; it knows neither a proxy nor a
// server that keeps the counters.
//
// A front door turns each request into hits (a limit, an identity, a cost) and
// asks a Limiter, which asks a Store once and says allow, wait or deny. The
// front door writes the headers and the answer that an Answer prepares.
//
// The package is also interpreted by Yaegi, inside Traefik. It therefore uses
// the standard library of Go 1.22 alone, and of the language only what Yaegi
// v0.16 runs: no min and max, no range over integers and functions, and no
// select at all, since the channels of one are shared by all goroutines that run
// it at a time: they get, and wait for, each other's. What every decision calls
// are functions where one would expect methods: interpreted, a method call takes
// four times as long.
package core
