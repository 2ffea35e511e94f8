package resp

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

// soon is how long a call may take whose deadline is short, on a machine that
// does many other things.
const soon = 5 * time.Second

func TestLateReplyIsNotReadByALaterCall(t *testing.T) {
	s := redistest.Start(t)
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}, PoolSize: 1})
	expect(t, c, echo, "k", "first", "first")
	s.Pause()
	start := time.Now()
	_, err := c.Run(start.Add(50*time.Millisecond), echo, []string{"k"}, []string{"late"})
	if !late(err) {
		t.Errorf("a server that hangs: %v", err)
	}
	if d := time.Since(start); d > soon {
		t.Errorf("it took %v", d)
	}
	s.Resume()
	for i := 0; i < 10; i++ {
		expect(t, c, echo, "k", fmt.Sprint(i), fmt.Sprint(i))
	}
}

func TestServerThatHangsIsGivenUpByTheDeadline(t *testing.T) {
	s := redistest.Start(t)
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}, PoolSize: 2})
	expect(t, c, echo, "k", "x", "x")
	s.Pause()
	start := time.Now()
	var wg sync.WaitGroup
	for i := 0; i < 50; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := within(c, 100*time.Millisecond, echo, "k"); err == nil {
				t.Error("a server that hangs has answered")
			}
		}()
	}
	wg.Wait()
	if d := time.Since(start); d > soon {
		t.Errorf("it took %v", d)
	}
	s.Resume()
	eventually(t, func() error { return within(c, long, echo, "k") })
}

func TestDeadlineThatIsOver(t *testing.T) {
	s := redistest.Start(t)
	c := clientOf(t, s.Addr())
	for i := 0; i < 3; i++ {
		if err := within(c, -time.Second, count, "k"); !late(err) {
			t.Errorf("got %v", err)
		}
		expect(t, c, echo, "k", "x", "x")
	}
	if n := weirs(s); n != 1 {
		t.Errorf("%d connections: one that was not written to is good", n)
	}
}

func TestBrokenConnectionsAreNotReused(t *testing.T) {
	s := redistest.Start(t)
	c := clientOf(t, s.Addr())
	for i := 0; i < 5; i++ {
		expect(t, c, echo, "k", "x", "x")
		s.MustDo("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		// The first may be the one that finds out; it is not run twice.
		run(c, echo, "k", "y")
		expect(t, c, echo, "k", "z", "z")
	}
}

func TestConnectionThatDiedIdleCostsNoCall(t *testing.T) {
	s := redistest.Start(t)
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}, PoolSize: 4})
	for i := 0; i < 3; i++ {
		expect(t, c, echo, "k", "x", "x")
		s.Restart()
		for age := 0; age < staleAge; age++ {
			c.pool.age()
		}
		expect(t, c, echo, "k", "y", "y")
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	s := redistest.Start(t)
	c := clientOf(t, s.Addr())
	expect(t, c, echo, "k", "x", "x")
	for age := 0; age < idleAge; age++ {
		c.pool.age()
	}
	if n := weirs(s); n != 1 {
		t.Errorf("%d connections while one may stay", n)
	}
	c.pool.age()
	eventually(t, func() error {
		if n := weirs(s); n != 0 {
			return fmt.Errorf("%d connections are left", n)
		}
		return nil
	})
	expect(t, c, echo, "k", "y", "y")
}

func TestScriptIsNotSentTwiceWhenItMayHaveRun(t *testing.T) {
	for name, reply := range map[string]string{
		"hangs up":   hangUp,
		"half reply": "$10\r\nhalf",
		"garbage":    "HTTP/1.1 400 Bad Request\r\n\r\n",
		"no reply":   "",
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, func(args []string) string {
				if args[0] == "EVALSHA" {
					return reply
				}
				return ""
			})
			c := clientOf(t, f.address)
			if err := within(c, 200*time.Millisecond, count, "k"); err == nil {
				t.Error("no error")
			} else if _, ok := err.(redis.ServerError); ok {
				t.Errorf("the server has answered no error: %v", err)
			}
			if n := f.scripts.Load(); n != 1 {
				t.Errorf("the script was sent %d times", n)
			}
		})
	}
}

func TestServerThatIsDownIsNotedQuicklyAndDialledRarely(t *testing.T) {
	s := redistest.Start(t)
	c := clientOf(t, s.Addr())
	expect(t, c, echo, "k", "x", "x")
	s.Stop()
	run(c, echo, "k", "x")
	start := time.Now()
	var wg sync.WaitGroup
	for i := 0; i < 200; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := run(c, echo, "k", "x"); err == nil || !strings.Contains(err.Error(), s.Addr()) {
				t.Errorf("got %v", err)
			}
		}()
	}
	wg.Wait()
	if d := time.Since(start); d > soon {
		t.Errorf("it took %v to find that nothing listens", d)
	}
	s.Restart()
	eventually(t, func() error { return within(c, long, echo, "k") })
}

func TestDialThatHangsIsBounded(t *testing.T) {
	nothingLeft(t)
	// It accepts connections and says nothing.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	for name, tls := range map[string]*redis.TLS{"in clear": nil, "with TLS": {}} {
		c := newClient(t, redis.Options{
			Addresses: []string{listener.Addr().String()}, TLS: tls, DialTimeout: 50 * time.Millisecond,
		})
		start := time.Now()
		if _, err := run(c, echo, "k", "x"); err == nil {
			t.Errorf("%s: no error", name)
		}
		if d := time.Since(start); d > soon {
			t.Errorf("%s: it took %v", name, d)
		}
		c.Close()
	}
}

func TestReplicaIsNotAsked(t *testing.T) {
	master := redistest.Start(t)
	host, port, _ := net.SplitHostPort(master.Addr())
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	c := clientOf(t, replica.Addr())
	for i := 0; i < 20; i++ {
		_, err := run(c, count, "k", "")
		if e, ok := err.(redis.ServerError); !ok || !strings.Contains(string(e), "READONLY") {
			t.Fatalf("got %v", err)
		}
	}
	var received int
	_, stat, _ := strings.Cut(replica.MustDo("INFO", "stats"), "total_connections_received:")
	if _, err := fmt.Sscan(stat, &received); err != nil || received > 15 {
		t.Errorf("%d connections were opened for 20 commands, %v", received, err)
	}
	replica.MustDo("REPLICAOF", "NO", "ONE")
	eventually(t, func() error { return within(c, long, count, "k") })
	// Now it is demoted under a connection that has proved good.
	replica.MustDo("REPLICAOF", host, port)
	_, err := run(c, count, "k", "")
	if e, ok := err.(redis.ServerError); !ok || !strings.Contains(string(e), "READONLY") {
		t.Errorf("got %v", err)
	}
}

func TestServerThatIsFull(t *testing.T) {
	s := redistest.Start(t)
	s.MustDo("CONFIG", "SET", "maxclients", "3")
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}, PoolSize: 16})
	var wg sync.WaitGroup
	var ok atomic.Int64
	for i := 0; i < 50; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := 0; j < 20; j++ {
				if _, err := run(c, echo, "k", "x"); err == nil {
					ok.Add(1)
				}
			}
		}()
	}
	wg.Wait()
	// Who does not get a connection of their own waits for another's.
	if ok.Load() != 1000 {
		t.Errorf("%d of 1000 calls succeeded on the connections there were", ok.Load())
	}
}

func TestGarbageIsNoPanic(t *testing.T) {
	for _, reply := range []string{"$", "\r\n", "$-5\r\n", "*9999999\r\n", "\x00\x00\x00", "-\r\n", "-MOVED\r\n", "-MOVED 1 :\r\n", "-ASK x y\r\n", "$1\r\n"} {
		f := serve(t, func(args []string) string {
			if strings.HasPrefix(args[0], "EVAL") {
				return reply
			}
			return ""
		})
		c := clientOf(t, f.address)
		for i := 0; i < 3; i++ {
			if err := within(c, 100*time.Millisecond, echo, "k"); err == nil {
				t.Errorf("%q: no error", reply)
			}
		}
		everything := serve(t, func([]string) string { return reply })
		if err := within(clientOf(t, everything.address), 100*time.Millisecond, echo, "k"); err == nil {
			t.Errorf("%q to all: no error", reply)
		}
	}
}
