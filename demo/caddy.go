package main

import (
	"fmt"
	"os"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"      // the Caddyfile
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"              // the app
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy" // its directive
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"            // its storage

	_ "github.com/weirproxy/weir/caddymodule" // what is shown
)

// caddyfile takes a directory, the address to serve at, Redis, and the site. It
// is Caddy's own as far as possible: no other files, no admin endpoint.
const caddyfile = `{
	admin off
	persist_config off
	auto_https off
	grace_period 1s
	storage file_system %[1]q
	log {
		level ERROR
	}
	weir {
		redis %[3]q
	}
}
http://%[2]s {
	bind 127.0.0.1
	# The page behind one proxy calls the other; denials too must be readable.
	header Access-Control-Allow-Origin *
	header Access-Control-Expose-Headers "RateLimit, RateLimit-Policy, Retry-After"
	weir {
		limit demo-api {
			match {
				path /api/hello
			}
			key {client_ip}
			rate 3/10s
			algorithm sliding-log
		}
		limit demo-sliding-window {
			match {
				path /api/try/sliding-window
			}
			rate 3/10s
			algorithm sliding-window
		}
		limit demo-sliding-log {
			match {
				path /api/try/sliding-log
			}
			rate 3/10s
			algorithm sliding-log
		}
		limit demo-fixed-window {
			match {
				path /api/try/fixed-window
			}
			rate 3/10s
			algorithm fixed-window
		}
		limit demo-token-bucket {
			match {
				path /api/try/token-bucket
			}
			rate 3/10s
			algorithm token-bucket
		}
		limit demo-leaky-bucket {
			match {
				path /api/try/leaky-bucket
			}
			rate 3/10s
			algorithm leaky-bucket
		}
	}
	reverse_proxy %[4]s {
		header_up X-Proxy caddy
	}
}
`

// startCaddy serves the site through a Caddy in this process.
func (d *demo) startCaddy(address, siteAddress, redis string) error {
	storage, err := os.MkdirTemp("", "weir-demo-")
	if err != nil {
		return err
	}
	d.closers = append(d.closers, func() { os.RemoveAll(storage) })
	text := fmt.Sprintf(caddyfile, storage, address, redis, siteAddress)
	configuration, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		return fmt.Errorf("configure Caddy: %w", err)
	}
	for _, warning := range warnings {
		fmt.Fprintln(os.Stderr, "caddy:", warning)
	}
	if err := caddy.Load(configuration, true); err != nil {
		return fmt.Errorf("start Caddy: %w", err)
	}
	d.closers = append(d.closers, func() { _ = caddy.Stop() })
	d.caddyURL = "http://" + address
	return nil
}
