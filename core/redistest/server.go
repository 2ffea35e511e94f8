// Package redistest starts real Redis servers for tests: one server, with TLS
// or behind a unix socket, a Cluster, a master with its Sentinels. Each is on
// free loopback ports, keeps nothing on disk and ends with its test.
//
// Where redis-server is not installed the test is skipped, and fails instead
// if WEIR_NO_SKIP is 1.
package redistest

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for a server. It is long, because machines that
// run tests can be slow, and costs nothing where things go well.
const patience = 30 * time.Second

// Server is one redis-server. Its methods are for one goroutine at a time.
type Server struct {
	// Files are the certificates of a server started by StartTLS.
	Files Files

	t        testing.TB
	network  string
	addr     string
	user     string // for Do
	password string
	tls      *tls.Config
	args     []string
	dir      string

	process *exec.Cmd
	output  *output
	exited  chan struct{}
}

// Start starts a server on a free port of 127.0.0.1. args are appended to its
// command line: Start(t, "--requirepass", "secret").
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := prepare(t, args)
	s.listen(func(port string) []string { return []string{"--port", port} })
	return s
}

// StartUnix starts a server that listens on a unix socket only.
func StartUnix(t testing.TB, args ...string) *Server {
	t.Helper()
	s := prepare(t, args)
	s.network, s.addr = "unix", s.dir+"/redis.sock"
	s.args = append([]string{"--port", "0", "--unixsocket", s.addr}, s.args...)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Addr is the server's host:port, or its socket's path.
func (s *Server) Addr() string { return s.addr }

// URL is the server's address as an option has it, without a password.
func (s *Server) URL() string {
	switch {
	case s.network == "unix":
		return "unix://" + s.addr
	case s.tls != nil:
		return (&url.URL{Scheme: "rediss", Host: s.addr}).String()
	}
	return (&url.URL{Scheme: "redis", Host: s.addr}).String()
}

// Stop kills the server as a crash would: what it held is lost.
func (s *Server) Stop() {
	s.t.Helper()
	if s.process == nil {
		return
	}
	s.process.Process.Kill()
	<-s.exited
	s.process = nil
}

// Restart stops the server, if it runs, and starts it where it was.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// Pause makes the server hang: connections stay and even new ones are accepted
// by the kernel, but nothing is answered until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatalf("redis-server on %s: %v: %v", s.addr, sig, err)
	}
}

// Do sends a command on a connection of its own and returns the reply as text,
// an array as one line for each element.
func (s *Server) Do(args ...string) (string, error) {
	conn, err := net.DialTimeout(s.network, s.addr, patience)
	if err != nil {
		return "", err
	}
	if s.tls != nil {
		conn = tls.Client(conn, s.tls)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	c := newClient(conn)
	if s.password != "" {
		auth := []string{"AUTH", s.password}
		if s.user != "" {
			auth = []string{"AUTH", s.user, s.password}
		}
		if _, err := c.do(auth); err != nil {
			return "", err
		}
	}
	return c.do(args)
}

// MustDo is Do for commands that succeed.
func (s *Server) MustDo(args ...string) string {
	s.t.Helper()
	reply, err := s.Do(args...)
	if err != nil {
		s.t.Fatalf("redis-server on %s: %q: %v", s.addr, args, err)
	}
	return reply
}

// prepare makes a server that is yet to be given its address.
func prepare(t testing.TB, args []string) *Server {
	t.Helper()
	need(t, "redis-server")
	// Not t.TempDir: its paths are too long for a unix socket.
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, network: "tcp", dir: dir}
	s.args = append([]string{"--save", "", "--appendonly", "no", "--dir", dir}, args...)
	for i, arg := range args {
		if arg == "--requirepass" && i+1 < len(args) {
			s.password = args[i+1]
		}
	}
	t.Cleanup(func() {
		s.Stop()
		os.RemoveAll(dir)
	})
	return s
}

// listen starts the server on a free port, which another process may take
// between our finding it and the server's binding it.
func (s *Server) listen(flags func(port string) []string) {
	s.t.Helper()
	args := s.args
	var err error
	for try := 0; try < 10; try++ {
		port := freePort(s.t)
		s.addr = net.JoinHostPort("127.0.0.1", port)
		s.args = append(append(flags(port), "--bind", "127.0.0.1"), args...)
		if err = s.start(); err == nil {
			return
		}
		if !strings.Contains(err.Error(), "in use") {
			break
		}
	}
	s.t.Fatal(err)
}

// start runs the server and waits until it answers.
func (s *Server) start() error {
	out := &output{}
	cmd := exec.Command("redis-server", s.args...)
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("redis-server: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	s.process, s.output, s.exited = cmd, out, exited
	deadline := time.Now().Add(patience)
	for {
		_, err := s.Do("PING")
		if err == nil {
			return nil
		}
		if _, answered := err.(serverError); answered && !strings.HasPrefix(err.Error(), "LOADING") {
			return nil
		}
		select {
		case <-exited:
			s.process = nil
			return fmt.Errorf("redis-server ended: %s", out)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Stop()
			return fmt.Errorf("redis-server on %s does not answer: %w\n%s", s.addr, err, out)
		}
	}
}

// need skips the test where the program is missing.
func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	message := program + " is not on the PATH; apt-get install redis-server"
	if os.Getenv("WEIR_NO_SKIP") == "1" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// output is what a server printed, the first part of it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() < 64<<10 {
		o.text.Write(p)
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// eventually polls until the condition holds, and fails the test with what it
// was waiting for if it never does.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
