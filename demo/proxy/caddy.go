package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// CaddyOptions say how to run Caddy.
type CaddyOptions struct {
	// Binary is the program's path.
	Binary string

	// Caddyfile is the configuration. It listens at http://{$WEIR_LISTEN} and
	// has `admin {$WEIR_ADMIN}` among its global options.
	Caddyfile string

	// Output receives what Caddy prints; nil drops it.
	Output io.Writer
}

// Caddy is a running Caddy.
type Caddy struct {
	*process
	URL, AdminURL string

	binary, admin string
	environment   []string
}

// StartCaddy runs Caddy in a directory of its own and waits until it listens.
func StartCaddy(ctx context.Context, options CaddyOptions) (*Caddy, error) {
	listen, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "weir-caddy-")
	if err != nil {
		return nil, err
	}
	if err := replaceFile(filepath.Join(directory, "Caddyfile"), options.Caddyfile); err != nil {
		os.RemoveAll(directory)
		return nil, err
	}
	c := &Caddy{
		URL: "http://" + listen, AdminURL: "http://" + admin,
		binary: options.Binary, admin: admin,
		environment: append(os.Environ(), "WEIR_LISTEN="+listen, "WEIR_ADMIN="+admin,
			"XDG_DATA_HOME="+directory, "XDG_CONFIG_HOME="+directory),
	}
	command := exec.Command(options.Binary, "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	command.Env = c.environment
	if c.process, err = start("caddy", directory, command, options.Output); err != nil {
		return nil, err
	}
	// Dialled rather than requested: a request might be counted.
	err = c.await(ctx, "loading its configuration", func() bool {
		connection, err := net.Dial("tcp", listen)
		if err != nil {
			return false
		}
		connection.Close()
		return true
	})
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Reload replaces the configuration; on return it is served.
func (c *Caddy) Reload(ctx context.Context, caddyfile string) error {
	if err := replaceFile(filepath.Join(c.directory, "Caddyfile"), caddyfile); err != nil {
		return err
	}
	output, err := c.Run(ctx, "reload", "--config", "Caddyfile", "--adapter", "caddyfile", "--address", c.admin)
	if err != nil {
		return fmt.Errorf("caddy reload: %w\n%s", err, output)
	}
	return nil
}

// Run runs another command of the same binary in the same directory and
// environment, and returns what it prints.
func (c *Caddy) Run(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, c.binary, arguments...)
	command.Dir = c.directory
	command.Env = c.environment
	output, err := command.CombinedOutput()
	return string(output), err
}
