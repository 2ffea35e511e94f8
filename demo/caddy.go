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
	weir {
		limit demo-api {
			match {
				path /api/*
			}
			key {client_ip}
			rate 3/10s
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
