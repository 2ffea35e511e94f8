// Package proxy runs real proxies as processes: Traefik with the plugin in
// local mode, and Caddy with the module built in; and the Redis that they share.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"
)

const (
	startTime = 30 * time.Second
	stopTime  = 5 * time.Second
	pollEvery = 20 * time.Millisecond
	tailSize  = 32 << 10
)

// process is a program that runs in a directory of its own, which goes when it
// stops.
type process struct {
	name      string
	directory string
	command   *exec.Cmd
	output    *tail
	exited    chan struct{}
	exitErr   error
	stop      sync.Once
}

// start runs a prepared command in the directory. The process owns the
// directory from here on, even if start fails.
func start(name, directory string, command *exec.Cmd, output io.Writer) (*process, error) {
	p := &process{name: name, directory: directory, command: command, exited: make(chan struct{})}
	p.output = &tail{next: output}
	command.Dir = directory
	command.Stdout, command.Stderr = p.output, p.output
	command.SysProcAttr = dieWithParent()
	if err := command.Start(); err != nil {
		os.RemoveAll(directory)
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.exitErr = command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// await polls until ready returns true. It fails when the process ends, the
// time for a start is over, or ctx is.
func (p *process) await(ctx context.Context, what string, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !ready() {
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended while %s: %v\n%s", p.name, what, p.exitErr, p.output)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w while %s\n%s", p.name, ctx.Err(), what, p.output)
		case <-tick.C:
		}
	}
	return nil
}

// Stop ends the process and waits for its end. It may be called again.
func (p *process) Stop() {
	p.stop.Do(func() {
		if err := p.command.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			_ = p.command.Process.Kill()
		}
		select {
		case <-p.exited:
		case <-time.After(stopTime):
			_ = p.command.Process.Kill()
			<-p.exited
		}
		os.RemoveAll(p.directory)
	})
}

// Exited is closed when the process has ended, for whatever reason.
func (p *process) Exited() <-chan struct{} { return p.exited }

// Output is the end of what the process has printed.
func (p *process) Output() string { return p.output.String() }

// Pid is the process's id, to stop and continue it by.
func (p *process) Pid() int { return p.command.Process.Pid }

// FreeAddress returns a loopback address that nobody listens at.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// tail keeps the end of what is written to it and passes everything on.
type tail struct {
	next io.Writer

	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(output []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, output...)
	if excess := len(t.kept) - tailSize; excess > 0 {
		t.kept = append(t.kept[:0], t.kept[excess:]...)
	}
	if t.next == nil {
		return len(output), nil
	}
	return t.next.Write(output)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
