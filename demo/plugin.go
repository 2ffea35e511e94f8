package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

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
    match: {paths: ["/api/hello"]}
    key: ip
    rate: 3/10s
    algorithm: sliding-log
  - name: demo-sliding-window
    match: {paths: ["/api/try/sliding-window"]}
    rate: 3/10s
    algorithm: sliding-window
  - name: demo-sliding-log
    match: {paths: ["/api/try/sliding-log"]}
    rate: 3/10s
    algorithm: sliding-log
  - name: demo-fixed-window
    match: {paths: ["/api/try/fixed-window"]}
    rate: 3/10s
    algorithm: fixed-window
  - name: demo-token-bucket
    match: {paths: ["/api/try/token-bucket"]}
    rate: 3/10s
    algorithm: token-bucket
  - name: demo-leaky-bucket
    match: {paths: ["/api/try/leaky-bucket"]}
    rate: 3/10s
    algorithm: leaky-bucket
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
	if _, err := d.serve(address, shared(limited)); err != nil {
		return err
	}
	d.traefikName, d.traefikURL = "Traefik's plugin", "http://"+address
	return nil
}

// exposed are the headers that the page reads behind the other proxy.
const exposed = "RateLimit, RateLimit-Policy, Retry-After"

// shared lets the page behind the other proxy read the answers, denials too.
func shared(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", exposed)
		next.ServeHTTP(w, r)
	})
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
			"rule": "PathPrefix(`/`)", "service": "site", "middlewares": []string{"shared", "limit", "name"},
		}},
		"middlewares": table{
			"shared": table{"headers": table{
				"accessControlAllowOriginList": []string{"*"},
				"accessControlExposeHeaders":   strings.Split(exposed, ", "),
			}},
			"limit": table{"plugin": table{"weir": options}},
			"name":  table{"headers": table{"customRequestHeaders": table{site.ProxyHeader: "traefik"}}},
		},
		"services": table{"site": table{"loadBalancer": table{
			"servers": []table{{"url": "http://" + siteAddress}},
		}}},
	}})
	return string(configuration), err
}
