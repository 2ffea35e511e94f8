package proxy

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
)

// Redis is a running redis-server, for programs; tests have redistest.
type Redis struct {
	*process
	Address string
}

// StartRedis runs the redis-server in PATH, which keeps nothing on disk, and
// waits until it listens.
func StartRedis(ctx context.Context) (*Redis, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("%w; apt install redis-server, or brew install redis", err)
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "weir-redis-")
	if err != nil {
		return nil, err
	}
	r := &Redis{Address: address}
	command := exec.Command(binary, "--bind", host, "--port", port, "--save", "", "--appendonly", "no")
	if r.process, err = start("redis-server", directory, command, nil); err != nil {
		return nil, err
	}
	err = r.await(ctx, "starting", func() bool {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		connection.Close()
		return true
	})
	if err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}
