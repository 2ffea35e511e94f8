package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/weirproxy/weir/demo/checkout"
	"github.com/weirproxy/weir/demo/site"
)

type options struct {
	redis, traefik         string
	traefikPort, caddyPort int
}

const (
	traefikPortFlag = "traefik-port"
	caddyPortFlag   = "caddy-port"
)

// demo is everything that runs, and how to end it.
type demo struct {
	redisName   string
	traefikName string
	traefikURL  string
	caddyURL    string

	// failed receives the first failure of something that runs.
	failed chan error

	closers []func()
}

// start starts the parts in the order in which they need each other.
func start(ctx context.Context, o options) (*demo, error) {
	root, err := checkout.Root()
	if err != nil {
		return nil, err
	}
	d := &demo{failed: make(chan error, 1)}
	if err := d.startAll(ctx, root, o); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *demo) startAll(ctx context.Context, root string, o options) error {
	// Both before anything starts, so that what is wrong is said at once.
	traefik, err := claim(o.traefikPort, traefikPortFlag)
	if err != nil {
		return err
	}
	caddy, err := claim(o.caddyPort, caddyPortFlag)
	if err != nil {
		return err
	}

	redis := o.redis
	d.redisName = "as -redis says"
	if redis == "" {
		if redis, err = d.startRedis(); err != nil {
			return err
		}
		d.redisName = redis + ", embedded"
	}
	siteAddress, err := d.serve("127.0.0.1:0", site.Handler(
		site.Proxy{Name: "traefik", URL: "http://" + traefik},
		site.Proxy{Name: "caddy", URL: "http://" + caddy},
	))
	if err != nil {
		return err
	}
	if err := d.startCaddy(caddy, siteAddress, redis); err != nil {
		return err
	}
	if o.traefik != "" {
		return d.startTraefik(ctx, root, o.traefik, traefik, siteAddress, redis)
	}
	return d.startPlugin(ctx, root, traefik, siteAddress, redis)
}

// serve serves at the address until the demo ends, and returns where it does.
func (d *demo) serve(address string, handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	d.closers = append(d.closers, func() { server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			d.fail(fmt.Errorf("serve %s: %w", listener.Addr(), err))
		}
	}()
	return listener.Addr().String(), nil
}

func (d *demo) fail(err error) {
	select {
	case d.failed <- err:
	default:
	}
}

// close ends the parts, the last one first.
func (d *demo) close() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		d.closers[i]()
	}
}

// claim returns the loopback address with the port, or with a free one for 0,
// after a look whether it can be listened at.
func claim(port int, flag string) (address string, err error) {
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", fmt.Errorf("%s is taken by another program: choose another port with -%s", address, flag)
	}
	if err != nil {
		return "", fmt.Errorf("-%s %d: %w", flag, port, err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
