package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httputil"
	"net/url"

	"gopkg.in/yaml.v3"

	"github.com/weirproxy/weir/demo/proxy"
	"github.com/weirproxy/weir/demo/site"
	"github.com/weirproxy/weir/demo/yaegihost"
)

// pluginOptions are the plugin's, whoever loads it.
const pluginOptions = `
redis: {address: %q}
limits:
  - name: demo-api
    match: {paths: ["/api/*"]}
    key: ip
    rate: 3/10s
`

// startPlugin serves the site through the plugin in this process.
func (d *demo) startPlugin(ctx context.Context, root, address, siteAddress, redis string) error {
	host, err := yaegihost.Load(root, slog.Default())
	if err != nil {
		return fmt.Errorf("load the plugin: %w", err)
	}
	options, err := yaegihost.Options(fmt.Sprintf(pluginOptions, redis))
	if err != nil {
		return err
	}
	upstream := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: siteAddress})
		r.SetXForwarded()
		r.Out.Header.Set(site.ProxyHeader, "traefik")
	}}
	limited, err := host.New(ctx, upstream, "limit@file", options)
	if err != nil {
		return fmt.Errorf("configure the plugin: %w", err)
	}
	if _, err := d.serve(address, limited); err != nil {
		return err
	}
	d.traefikName, d.traefikURL = "Traefik's plugin", "http://"+address
	return nil
}

// startTraefik serves the site through a real Traefik with the plugin.
func (d *demo) startTraefik(ctx context.Context, root, binary, address, siteAddress, redis string) error {
	dynamic, err := traefikConfiguration(siteAddress, redis)
	if err != nil {
		return err
	}
	traefik, err := proxy.StartTraefik(ctx, proxy.TraefikOptions{
		Binary: binary, Checkout: root, Listen: address, Dynamic: dynamic,
	})
	if err != nil {
		return fmt.Errorf("-traefik %s: %w", binary, err)
	}
	d.closers = append(d.closers, traefik.Stop)
	go func() {
		<-traefik.Exited()
		d.fail(fmt.Errorf("traefik ended:\n%s", traefik.Output()))
	}()
	d.traefikName, d.traefikURL = "Traefik", traefik.URL
	return nil
}

func traefikConfiguration(siteAddress, redis string) (string, error) {
	var options any
	if err := yaml.Unmarshal(fmt.Appendf(nil, pluginOptions, redis), &options); err != nil {
		return "", err
	}
	type table = map[string]any
	configuration, err := yaml.Marshal(table{"http": table{
		"routers": table{"site": table{
			"rule": "PathPrefix(`/`)", "service": "site", "middlewares": []string{"limit", "name"},
		}},
		"middlewares": table{
			"limit": table{"plugin": table{"weir": options}},
			"name":  table{"headers": table{"customRequestHeaders": table{site.ProxyHeader: "traefik"}}},
		},
		"services": table{"site": table{"loadBalancer": table{
			"servers": []table{{"url": "http://" + siteAddress}},
		}}},
	}})
	return string(configuration), err
}
