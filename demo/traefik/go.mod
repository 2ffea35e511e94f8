// The build of the real Traefik that the tests run. Nothing is imported from
// here; demo/tools builds github.com/traefik/traefik/v3/cmd/traefik with it.
module github.com/weirproxy/weir/demo/traefik

go 1.26.0

// v3.7.10 and later require a fork that the Go module proxy does not have.
require github.com/traefik/traefik/v3 v3.7.9

// Traefik's own replacements, which a module that requires it does not inherit.
replace (
	github.com/abbot/go-http-auth => github.com/containous/go-http-auth v0.4.1-0.20200324110947-a37a7636d23e
	github.com/gorilla/mux => github.com/containous/mux v0.0.0-20250523120546-41b6ec3aed59
	github.com/traefik/traefik/dynamic/ext => ./ext
)
