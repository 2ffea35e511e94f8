package resp

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

// long is a deadline that no test means to reach.
const long = 20 * time.Second

var (
	// echo returns its first argument.
	echo = redis.NewScript("return ARGV[1]")
	// count counts how often it ran for a key, and returns that.
	count = redis.NewScript("return tostring(redis.call('INCR', KEYS[1]))")
)

func newClient(t *testing.T, options redis.Options) *Client {
	t.Helper()
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func clientOf(t *testing.T, addresses ...string) *Client {
	t.Helper()
	return newClient(t, redis.Options{Addresses: addresses})
}

// run runs a script with one key and one argument, in plenty of time.
func run(c *Client, script *redis.Script, key, arg string) (string, error) {
	return c.Run(time.Now().Add(long), script, []string{key}, []string{arg})
}

func within(c *Client, d time.Duration, script *redis.Script, key string) error {
	_, err := c.Run(time.Now().Add(d), script, []string{key}, []string{""})
	return err
}

func expect(t *testing.T, c *Client, script *redis.Script, key, arg, want string) {
	t.Helper()
	got, err := run(c, script, key, arg)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("got %.100q, want %.100q", got, want)
	}
}

// eventually polls until f succeeds.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	deadline := time.Now().Add(long)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("in vain until the end: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// nothingLeft checks at the test's end that it left no goroutine behind.
func nothingLeft(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		eventually(t, func() error {
			now := runtime.NumGoroutine()
			if now <= before {
				return nil
			}
			stacks := make([]byte, 1<<20)
			return fmt.Errorf("%d goroutines, %d before:\n%s", now, before, stacks[:runtime.Stack(stacks, true)])
		})
	})
}

// fake is a server that answers as a test wants. answer gets a command and
// returns what to write; what it returns is written as it is. It hangs up
// where answer returns hangUp.
type fake struct {
	address string
	dials   atomic.Int64
	scripts atomic.Int64
}

const hangUp = "hang up"

func serve(t *testing.T, answer func(args []string) string) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{address: listener.Addr().String()}
	var mu sync.Mutex
	var conns []net.Conn
	var serving sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	serving.Add(1)
	go func() {
		defer serving.Done()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.dials.Add(1)
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			serving.Add(1)
			go func() {
				defer serving.Done()
				defer conn.Close()
				f.talk(conn, answer)
			}()
		}
	}()
	return f
}

func (f *fake) talk(conn net.Conn, answer func([]string) string) {
	r := bufio.NewReader(conn)
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		if strings.HasPrefix(args[0], "EVAL") {
			f.scripts.Add(1)
		}
		reply := answer(args)
		if reply == "" && !strings.HasPrefix(args[0], "EVAL") {
			reply = "+OK\r\n"
		}
		if reply == hangUp {
			return
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	n, err := readNumber(r, '*')
	if err != nil {
		return nil, err
	}
	var args []string
	for i := 0; i < n; i++ {
		size, err := readNumber(r, '$')
		if err != nil {
			return nil, err
		}
		arg := make([]byte, size+2)
		if _, err := io.ReadFull(r, arg); err != nil {
			return nil, err
		}
		args = append(args, string(arg[:size]))
	}
	return args, nil
}

func readNumber(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("%q does not begin with %q", line, kind)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }
