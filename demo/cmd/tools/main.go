// Command tools builds the real proxies that the tests run, and says where they
// are.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"github.com/weirproxy/weir/demo/checkout"
	"github.com/weirproxy/weir/demo/tools"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	traefik, err := tools.Traefik(root)
	if errors.Is(err, tools.ErrAbsent) {
		fmt.Fprintln(os.Stderr, "building Traefik into your cache directory; the first time takes some minutes")
		traefik, err = tools.BuildTraefik(ctx, root, os.Stderr)
	}
	if err != nil {
		return err
	}
	fmt.Println("traefik:", traefik)
	caddy, err := tools.Caddy(ctx, root)
	if err != nil {
		return err
	}
	fmt.Println("caddy:  ", caddy)
	for _, p := range installed {
		if !p.found() {
			fmt.Fprintf(os.Stderr, "%s is missing, tests that need it are skipped; to get it: %s\n", p.name, p.install)
		}
	}
	return nil
}

// installed are the programs that the system's packages have, and the names
// that those give them.
var installed = []program{
	{"redis-server", []string{"redis-server"}, "apt install redis-server, brew install redis"},
	{"chromium", []string{"chromium", "chromium-browser", "google-chrome"}, "apt install chromium, brew install chromium"},
}

type program struct {
	name     string
	binaries []string
	install  string
}

func (p program) found() bool {
	for _, binary := range p.binaries {
		if _, err := exec.LookPath(binary); err == nil {
			return true
		}
	}
	return false
}
