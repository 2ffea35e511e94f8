// Command demo shows weir at work: a small site behind two proxies, Traefik's
// plugin and Caddy, that count its API's requests together in one Redis. It
// needs nothing but Go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var o options
	flag.StringVar(&o.redis, "redis", "", "`URL` of a Redis to count in, such as redis://localhost:6379 (default: an embedded one)")
	flag.StringVar(&o.traefik, "traefik", "", "`path` of a real Traefik v3.7 to run instead of a host that loads the plugin as Traefik does")
	flag.IntVar(&o.traefikPort, traefikPortFlag, 8080, "`port` of the plugin, or of the real Traefik")
	flag.IntVar(&o.caddyPort, caddyPortFlag, 8081, "`port` of Caddy")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; -help lists the flags", flag.Arg(0))
	}
	demo, err := start(ctx, o)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil
		}
		return err
	}
	defer demo.close()
	fmt.Printf(welcome, demo.traefikName, demo.traefikURL, demo.caddyURL, demo.redisName)
	select {
	case <-ctx.Done():
		fmt.Println()
		return nil
	case err := <-demo.failed:
		return err
	}
}

const welcome = `
A small site whose API takes 3 requests in 10 seconds from each client, however
they are spread over the two proxies:

  %-18s  %s
  Caddy               %s
  Redis               %s

Try
  for i in 1 2 3 4; do curl -i %[2]s/api/hello; done
  curl -i %[3]s/api/hello
or open one of the addresses in a browser. Ctrl-C ends the demo.
`
