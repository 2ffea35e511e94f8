package resp

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	c := clientOf(t, redistest.Start(t).Addr())
	for _, arg := range []string{"", " ", "two words", "a\r\nb", "$3\r\nabc\r\n", "\x00\xff", strings.Repeat("x", 1500)} {
		expect(t, c, echo, "k", arg, arg)
	}
	if _, err := run(c, echo, "k", strings.Repeat("x", maxScriptReply)); err == nil {
		t.Error("a reply past the limit was accepted")
	}
	expect(t, c, echo, "k", "and after it", "and after it")
	many := redis.NewScript("return #KEYS .. ' ' .. #ARGV .. ' ' .. KEYS[2] .. ARGV[3]")
	got, err := c.Run(time.Now().Add(long), many, []string{"a", "b c"}, []string{"1", "2", "3 4"})
	if err != nil || got != "2 3 b c3 4" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := c.Run(time.Now().Add(long), redis.NewScript("return 'none'"), nil, nil); err != nil || got != "none" {
		t.Errorf("no keys: got %q, %v", got, err)
	}
}

func TestServerErrors(t *testing.T) {
	s := redistest.Start(t)
	c := clientOf(t, s.Addr())
	_, err := run(c, redis.NewScript("return redis.error_reply('OOM too much')"), "k", "")
	if e, ok := err.(redis.ServerError); !ok || e != "OOM too much" {
		t.Errorf("got %T %v", err, err)
	}
	if _, err := run(c, redis.NewScript("return {1}"), "k", ""); err == nil {
		t.Error("an array was accepted")
	}
	expect(t, c, echo, "k", "after", "after")
}

func TestScriptIsSentOnceAndAgainWheneverItIsForgotten(t *testing.T) {
	s := redistest.Start(t)
	c := clientOf(t, s.Addr())
	for i := 1; i <= 3; i++ {
		for j := 0; j < 3; j++ {
			expect(t, c, echo, "k", "x", "x")
		}
		if stats := s.MustDo("INFO", "commandstats"); !strings.Contains(stats, fmt.Sprintf("cmdstat_eval:calls=%d,", i)) {
			t.Fatalf("EVAL was not called %d times:\n%s", i, stats)
		}
		s.MustDo("SCRIPT", "FLUSH")
	}
}

func TestConnectionsAreReused(t *testing.T) {
	s := redistest.Start(t)
	c := clientOf(t, s.Addr())
	for i := 0; i < 100; i++ {
		expect(t, c, echo, "k", "x", "x")
	}
	if n := weirs(s); n != 1 {
		t.Errorf("%d connections", n)
	}
	// Those of the test itself are few.
	var received int
	_, stat, _ := strings.Cut(s.MustDo("INFO", "stats"), "total_connections_received:")
	if _, err := fmt.Sscan(stat, &received); err != nil || received > 20 {
		t.Errorf("%d connections were opened for 100 commands, %v", received, err)
	}
}

// weirs counts the clients' connections at the server.
func weirs(s *redistest.Server) int {
	return strings.Count(s.MustDo("CLIENT", "LIST"), " name=weir ")
}

func TestConcurrentRunsAreBoundedAndExact(t *testing.T) {
	s := redistest.Start(t)
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}, PoolSize: 4})
	const callers, each = 40, 50
	var wg sync.WaitGroup
	for i := 0; i < callers; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			arg := fmt.Sprint("caller ", i)
			for j := 0; j < each; j++ {
				if _, err := run(c, count, "n", ""); err != nil {
					t.Error(err)
				}
				if got, err := run(c, echo, "k", arg); err != nil || got != arg {
					t.Errorf("got %q, %v; want %q", got, err, arg)
				}
			}
		}()
	}
	wg.Wait()
	if got := s.MustDo("GET", "n"); got != fmt.Sprint(callers*each) {
		t.Errorf("ran %s times, want %d", got, callers*each)
	}
	if n := weirs(s); n < 1 || n > 4 {
		t.Errorf("%d connections of 4", n)
	}
}

func TestDatabaseIsSelectedOnEveryConnection(t *testing.T) {
	s := redistest.Start(t)
	for name, options := range map[string]redis.Options{
		"field": {Addresses: []string{s.Addr()}, DB: 7},
		"path":  {Addresses: []string{s.URL() + "/7"}},
		"query": {Addresses: []string{s.URL() + "?db=7"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.MustDo("FLUSHALL")
			c := newClient(t, options)
			for i := 1; i <= 3; i++ {
				expect(t, c, count, "k", "", fmt.Sprint(i))
				s.MustDo("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
				c.pool.flush()
			}
			if keys := s.MustDo("INFO", "keyspace"); !strings.Contains(keys, "db7:keys=1,") || strings.Contains(keys, "db0:") {
				t.Error(keys)
			}
		})
	}
	_, err := run(newClient(t, redis.Options{Addresses: []string{s.Addr()}, DB: 99}), echo, "k", "")
	if _, ok := err.(redis.ServerError); !ok {
		t.Errorf("a database that is not there: %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	s := redistest.StartUnix(t, "--requirepass", "secret")
	c := newClient(t, redis.Options{Addresses: []string{s.URL() + "?db=3"}, Password: "secret"})
	expect(t, c, echo, "k", "x", "x")
	s.Restart()
	c.pool.flush()
	expect(t, c, echo, "k", "y", "y")
}

func TestAuthentication(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "top secret", "--user", "limiter", "on", ">s3cr3t/@:", "~*", "+@all")
	tests := map[string]struct {
		options redis.Options
		code    string
	}{
		"password":        {redis.Options{Addresses: []string{s.Addr()}, Password: "top secret"}, ""},
		"url password":    {redis.Options{Addresses: []string{"redis://:top%20secret@" + s.Addr()}}, ""},
		"user":            {redis.Options{Addresses: []string{s.Addr()}, Username: "limiter", Password: "s3cr3t/@:"}, ""},
		"url user":        {redis.Options{Addresses: []string{"redis://limiter:s3cr3t%2F%40%3A@" + s.Addr()}}, ""},
		"none":            {redis.Options{Addresses: []string{s.Addr()}}, "NOAUTH"},
		"wrong password":  {redis.Options{Addresses: []string{s.Addr()}, Password: "s3cr3t/@:"}, "WRONGPASS"},
		"wrong user":      {redis.Options{Addresses: []string{s.Addr()}, Username: "nobody", Password: "top secret"}, "WRONGPASS"},
		"user, no secret": {redis.Options{Addresses: []string{s.Addr()}, Username: "limiter"}, "WRONGPASS"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := run(newClient(t, test.options), echo, "k", "x")
			if test.code == "" {
				if err != nil || got != "x" {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			e, ok := err.(redis.ServerError)
			if !ok || code(string(e)) != test.code || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %s", err, test.code)
			}
		})
	}
}

func TestAuthenticationErrorsHideThePassword(t *testing.T) {
	for _, text := range []string{
		"-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n",
		"-NOPE hunter2\r\n", "-WRONGPASS hunter2\r\n",
	} {
		f := serve(t, func(args []string) string {
			if args[0] == "AUTH" {
				return text
			}
			return ""
		})
		c := newClient(t, redis.Options{Addresses: []string{f.address}, Password: "hunter2"})
		if _, err := run(c, echo, "k", ""); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q gave %v", text, err)
		}
	}
}

func TestTLS(t *testing.T) {
	s, other := redistest.StartTLS(t), redistest.StartTLS(t)
	files := redis.TLS{CA: s.Files.CA, Cert: s.Files.Cert, Key: s.Files.Key}
	_, port, _ := strings.Cut(s.Addr(), ":")
	tests := map[string]struct {
		address string
		change  func(*redis.TLS)
		ok      bool
	}{
		"mutual":             {s.Addr(), func(*redis.TLS) {}, true},
		"rediss":             {s.URL(), func(*redis.TLS) {}, true},
		"by name":            {"localhost:" + port, func(*redis.TLS) {}, true},
		"another authority":  {s.Addr(), func(o *redis.TLS) { o.CA = other.Files.CA }, false},
		"any certificate":    {s.Addr(), func(o *redis.TLS) { o.CA, o.InsecureSkipVerify = other.Files.CA, true }, true},
		"no own certificate": {s.Addr(), func(o *redis.TLS) { o.Cert, o.Key = "", "" }, false},
		"another name":       {s.Addr(), func(o *redis.TLS) { o.ServerName = "example.com" }, false},
		"given name":         {s.Addr(), func(o *redis.TLS) { o.ServerName = "localhost" }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := files
			test.change(&options)
			c := newClient(t, redis.Options{Addresses: []string{test.address}, TLS: &options})
			for i := 0; i < 3; i++ {
				got, err := run(c, echo, "k", "x")
				if (err == nil && got == "x") != test.ok {
					t.Fatalf("got %q, %v", got, err)
				}
			}
		})
	}
	t.Run("in clear", func(t *testing.T) {
		if _, err := run(clientOf(t, s.Addr()), echo, "k", "x"); err == nil {
			t.Error("a server with TLS was asked in clear")
		}
	})
}

func TestCloseLeavesNothing(t *testing.T) {
	nothingLeft(t)
	t.Run("used", func(t *testing.T) {
		s := redistest.Start(t)
		c := newClient(t, redis.Options{Addresses: []string{s.Addr()}, PoolSize: 8})
		var wg sync.WaitGroup
		for i := 0; i < 8; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for j := 0; j < 100; j++ {
					run(c, count, "k", "")
				}
			}()
		}
		wg.Wait()
		c.Close()
		c.Close()
		eventually(t, func() error {
			if n := weirs(s); n != 0 {
				return fmt.Errorf("%d connections are left", n)
			}
			return nil
		})
		if _, err := run(c, echo, "k", ""); err != errClosed {
			t.Errorf("a closed client: %v", err)
		}
	})
	t.Run("never used", func(t *testing.T) { clientOf(t, "127.0.0.1:1").Close() })
}

func TestCloseEndsCallsUnderWay(t *testing.T) {
	nothingLeft(t)
	s := redistest.Start(t)
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}, PoolSize: 2})
	expect(t, c, echo, "k", "x", "x")
	s.Pause()
	const calls = 20 // in use, being dialled, and waiting
	ended := make(chan error, calls)
	for i := 0; i < calls; i++ {
		go func() {
			_, err := run(c, echo, "k", "x")
			ended <- err
		}()
	}
	eventually(t, func() error {
		c.pool.mu.Lock()
		defer c.pool.mu.Unlock()
		if len(c.pool.queue) < calls-2 {
			return fmt.Errorf("%d wait", len(c.pool.queue))
		}
		return nil
	})
	start := time.Now()
	c.Close()
	for i := 0; i < calls; i++ {
		if err := <-ended; err != errClosed {
			t.Errorf("got %v", err)
		}
	}
	if d := time.Since(start); d > long/2 {
		t.Errorf("it took %v", d)
	}
	s.Resume()
}

func TestManyClientsLeaveNoGoroutine(t *testing.T) {
	s := redistest.Start(t)
	before := runtime.NumGoroutine()
	for i := 0; i < 30; i++ {
		c, err := New(redis.Options{Addresses: []string{s.Addr()}})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, c, echo, "k", "x", "x")
		c.Close()
	}
	eventually(t, func() error {
		if n := runtime.NumGoroutine(); n > before {
			return fmt.Errorf("%d goroutines, %d before", n, before)
		}
		return nil
	})
}
