// Command bench measures what the limiters cost, in three parts. In the real
// proxies: throughput, latency and the proxy's CPU time for each request, beside
// the proxy without a limiter and its built-in one. In Redis: decisions of the
// compiled store beside redis-benchmark. And what grows with limits, clients and
// routers. It prints Markdown tables.
//
// All get the same load, in turn and over again, so that what else the machine
// does hits them alike. Everything listens on loopback and ends with the command.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/weirproxy/weir/demo/checkout"
	"github.com/weirproxy/weir/demo/proxy"
	"github.com/weirproxy/weir/demo/tools"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured, 1 to 100")
	flag.DurationVar(&o.duration, "duration", 3*time.Second, "how long each time, 50ms to 1m")
	flag.IntVar(&o.connections, "connections", 32, "how many at once, 1 to 1024")
	flag.IntVar(&o.clients, "clients", 1_000_000, "of scale: up to how many clients, 1 to 10000000")
	flag.IntVar(&o.routers, "routers", 1000, "of scale: up to how many routers, 1 to 10000")
	flag.StringVar(&o.data, "data", "", "of scale: the file to write that the plots are drawn from")
	flag.StringVar(&o.only, "only", "", "one part alone: "+partNames())
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

type options struct {
	rounds, connections int
	duration            time.Duration
	clients, routers    int
	data, only          string
}

// parts are what is measured, in this order.
var parts = []struct {
	name    string
	measure func(context.Context, options, io.Writer) error
}{
	{"proxies", measureProxies},
	{"store", measureStore},
	{"scale", measureScale},
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func (o options) check() error {
	switch {
	case o.rounds < 1 || o.rounds > 100:
		return fmt.Errorf("-rounds %d: want 1 to 100", o.rounds)
	case o.duration < 50*time.Millisecond || o.duration > time.Minute:
		return fmt.Errorf("-duration %s: want 50ms to 1m", o.duration)
	case o.connections < 1 || o.connections > 1024:
		return fmt.Errorf("-connections %d: want 1 to 1024", o.connections)
	case o.clients < 1 || o.clients > 10_000_000:
		return fmt.Errorf("-clients %d: want 1 to 10000000", o.clients)
	case o.routers < 1 || o.routers > 10_000:
		return fmt.Errorf("-routers %d: want 1 to 10000", o.routers)
	case o.only != "" && !slices.Contains(strings.Split(partNames(), ", "), o.only):
		return fmt.Errorf("-only %s: want one of %s", o.only, partNames())
	}
	return nil
}

// field is a proxy and all that are measured in it.
type field struct {
	name string
	url  string
	pid  int
	rows []row
}

func run(ctx context.Context, o options, w io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	for _, p := range parts {
		if o.only != "" && o.only != p.name {
			continue
		}
		if err := p.measure(ctx, o, w); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

func measureProxies(ctx context.Context, o options, w io.Writer) error {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	traefikBinary, err := tools.Traefik(root)
	if err != nil {
		return err
	}
	caddyBinary, err := tools.Caddy(ctx, root)
	if err != nil {
		return err
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer upstream.Close()
	redis, err := proxy.StartRedis(ctx)
	if err != nil {
		return err
	}
	defer redis.Stop()

	inTraefik, inCaddy := traefikContestants(redis.Address), caddyContestants(redis.Address)
	traefik, err := proxy.StartTraefik(ctx, proxy.TraefikOptions{Binary: traefikBinary, Checkout: root, Dynamic: dynamic(inTraefik, upstream.URL)})
	if err != nil {
		return err
	}
	defer traefik.Stop()
	caddy, err := proxy.StartCaddy(ctx, proxy.CaddyOptions{Binary: caddyBinary, Caddyfile: caddyfile(inCaddy, upstream.URL)})
	if err != nil {
		return err
	}
	defer caddy.Stop()

	fields := []*field{
		{name: "Traefik", url: traefik.URL, pid: traefik.Pid(), rows: rowsOf(inTraefik)},
		{name: "Caddy", url: caddy.URL, pid: caddy.Pid(), rows: rowsOf(inCaddy)},
	}
	for round := range o.rounds {
		for _, f := range fields {
			if err := f.measure(ctx, o, round); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(w, "%d connections, %d rounds of %s each, %d cores, which the load, the upstream and Redis share with the proxies.\n"+
		"Medians over the rounds; ratios are taken in each round, to the proxy without a limiter and to its built-in one on the same store and path.\n",
		o.connections, o.rounds, o.duration, runtime.NumCPU())
	for _, f := range fields {
		fmt.Fprintln(w)
		write(w, f.name, f.rows)
	}
	return nil
}

func rowsOf(all []contestant) []row {
	rows := make([]row, len(all))
	for i, c := range all {
		rows[i].contestant = c
	}
	return rows
}

// measure lets each have its turn, in every round another one first.
func (f *field) measure(ctx context.Context, o options, round int) error {
	for i := range f.rows {
		r := &f.rows[(round+i)%len(f.rows)]
		m, err := measure(ctx, f.url+r.path(), f.pid, o, r.denied)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", f.name, r.label(), err)
		}
		r.rounds = append(r.rounds, m)
	}
	return nil
}

// measure drives one route of the process, which is to allow or to deny each
// request that counts.
func measure(ctx context.Context, url string, pid int, o options, denies bool) (measures, error) {
	// What is slow only once: a first connection to Redis, code not yet read.
	if _, err := drive(ctx, url, o.connections, o.duration/10); err != nil {
		return measures{}, err
	}
	before, err := cpuTime(pid)
	if err != nil {
		return measures{}, err
	}
	got, err := drive(ctx, url, o.connections, o.duration)
	if err != nil {
		return measures{}, err
	}
	after, err := cpuTime(pid)
	if err != nil {
		return measures{}, err
	}
	want := http.StatusOK
	if denies {
		want = http.StatusTooManyRequests
	}
	count := len(got.took)
	if count == 0 || got.of[want] != count {
		return measures{}, fmt.Errorf("statuses %v, want %d alone: what was measured is not what was meant", got.of, want)
	}
	return measures{got.perSecond(), got.percentile(50), got.percentile(99), (after - before) / time.Duration(count)}, nil
}
