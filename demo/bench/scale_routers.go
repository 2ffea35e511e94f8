package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/weirproxy/weir/demo/checkout"
	"github.com/weirproxy/weir/demo/proxy"
	"github.com/weirproxy/weir/demo/tools"
)

// routerCurves are of real Traefiks with one router, ten, and so on, all with
// the same middleware or with none. What is returned stops them, also where
// there is an error.
func routerCurves(ctx context.Context, o options) (curves []*curve, stop func(), err error) {
	var running []func()
	stop = func() {
		for _, end := range running {
			end()
		}
	}
	root, err := checkout.Root()
	if err != nil {
		return nil, stop, err
	}
	binary, err := tools.Traefik(root)
	if err != nil {
		return nil, stop, err
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	running = append(running, upstream.Close)
	for _, series := range []string{"weir", "no limiter"} {
		cpu := &curve{plot: "routers", panel: "CPU a request, µs", series: series}
		heap := &curve{plot: "routers", panel: "heap, MB", series: series}
		goroutines := &curve{plot: "routers", panel: "goroutines", series: series}
		for n := 1; n <= o.routers; n *= 10 {
			start := func(debug bool) (*proxy.Traefik, error) {
				t, err := proxy.StartTraefik(ctx, proxy.TraefikOptions{
					Binary: binary, Checkout: root, Debug: debug, Dynamic: manyRouters(n, series == "weir", upstream.URL),
				})
				if err == nil {
					running = append(running, t.Stop)
				}
				return t, err
			}
			traefik, err := start(false)
			if err != nil {
				return nil, stop, err
			}
			// It alone tells what it holds, which slows it down.
			telling, err := start(true)
			if err != nil {
				return nil, stop, err
			}
			cpu.add(n, func(ctx context.Context, lasts time.Duration) (float64, error) {
				timed := o
				timed.duration = lasts
				m, err := measure(ctx, traefik.URL+routerPath(n/2), traefik.Pid(), timed, false)
				return float64(m.cpu) / float64(time.Microsecond), err
			})
			heap.add(n, func(ctx context.Context, _ time.Duration) (float64, error) {
				bytes, err := figure(ctx, telling.URL+"/debug/pprof/heap?gc=1&debug=1", heapFigure)
				return bytes / 1e6, err
			})
			goroutines.add(n, func(ctx context.Context, _ time.Duration) (float64, error) {
				return figure(ctx, telling.URL+"/debug/pprof/goroutine?debug=1", goroutineFigure)
			})
		}
		curves = append(curves, cpu, heap, goroutines)
	}
	return curves, stop, nil
}

// manyRouters is a configuration with so many routers, which share a middleware.
func manyRouters(n int, limited bool, upstream string) string {
	through := ""
	if limited {
		through = ", middlewares: [limit]"
	}
	var b strings.Builder
	b.WriteString("http:\n  routers:\n    debug: {rule: \"PathPrefix(`/debug/`)\", service: api@internal}\n")
	for i := range n {
		fmt.Fprintf(&b, "    router-%d: {rule: \"Path(`%s`)\", service: site%s}\n", i, routerPath(i), through)
	}
	if limited {
		b.WriteString("  middlewares:\n    limit: {plugin: {weir: {rate: 1000000000/1h}}}\n")
	}
	fmt.Fprintf(&b, "  services:\n    site: {loadBalancer: {servers: [{url: %q}]}}\n", upstream)
	return b.String()
}

func routerPath(i int) string { return fmt.Sprintf("/router/%d", i) }

var (
	heapFigure      = regexp.MustCompile(`# HeapAlloc = (\d+)`)
	goroutineFigure = regexp.MustCompile(`goroutine profile: total (\d+)`)
)

// figure reads a number from a page of the Go runtime's.
func figure(ctx context.Context, url string, pattern *regexp.Regexp) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	found := pattern.FindSubmatch(page)
	if found == nil {
		return 0, fmt.Errorf("GET %s: %s, without %s", url, answer.Status, pattern)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
