package goredis_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/goredis"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

var (
	increment = redis.NewScript(`return tostring(redis.call('INCR', KEYS[1]))`)
	echo      = redis.NewScript(`return ARGV[1] .. KEYS[1]`)
	broken    = redis.NewScript(`return redis.call('INCR', KEYS[1], 'too', 'many')`)
)

// soon is long for a decision, and short for whoever waits for a test to fail.
const soon = 10 * time.Second

func newClient(t testing.TB, o redis.Options) *goredis.Client {
	t.Helper()
	c, err := goredis.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func run(t testing.TB, c *goredis.Client, script *redis.Script, keys []string, args ...string) string {
	t.Helper()
	reply, err := c.Run(time.Now().Add(soon), script, keys, args)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// eventually polls, and fails where the condition does not hold in time.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain: %s", soon, what)
		}
	}
}

func TestShapes(t *testing.T) {
	tests := map[string]func(t *testing.T) (o redis.Options, look *redistest.Server, db string){
		"password": func(t *testing.T) (redis.Options, *redistest.Server, string) {
			s := redistest.Start(t, "--requirepass", "se cret")
			return redis.Options{Addresses: []string{s.Addr()}, Password: "se cret", DB: 3}, s, "3"
		},
		"url": func(t *testing.T) (redis.Options, *redistest.Server, string) {
			s := redistest.Start(t, "--requirepass", "p@ss")
			return redis.Options{Addresses: []string{"redis://:p%40ss@" + s.Addr() + "/5"}}, s, "5"
		},
		"acl user": func(t *testing.T) (redis.Options, *redistest.Server, string) {
			s := redistest.Start(t, "--user", "weir", "on", ">secret", "~weir:*", "+eval", "+evalsha", "+incr", "+hello")
			return redis.Options{Addresses: []string{s.Addr()}, Username: "weir", Password: "secret"}, s, "0"
		},
		"unix": func(t *testing.T) (redis.Options, *redistest.Server, string) {
			s := redistest.StartUnix(t)
			return redis.Options{Addresses: []string{s.URL()}, DB: 1}, s, "1"
		},
		"tls": func(t *testing.T) (redis.Options, *redistest.Server, string) {
			s := redistest.StartTLS(t)
			return redis.Options{
				Addresses: []string{s.URL()},
				TLS:       &redis.TLS{CA: s.Files.CA, Cert: s.Files.Cert, Key: s.Files.Key},
			}, s, "0"
		},
		"tls server name": func(t *testing.T) (redis.Options, *redistest.Server, string) {
			s := redistest.StartTLS(t)
			return redis.Options{
				Addresses: []string{s.Addr()},
				TLS:       &redis.TLS{CA: s.Files.CA, Cert: s.Files.Cert, Key: s.Files.Key, ServerName: "localhost"},
			}, s, "0"
		},
	}
	for name, shape := range tests {
		t.Run(name, func(t *testing.T) {
			o, look, db := shape(t)
			c := newClient(t, o)
			if got := run(t, c, increment, []string{"weir:n"}); got != "1" || c.Sharded() {
				t.Errorf("the first reply is %q", got)
			}
			if info := look.MustDo("INFO", "keyspace"); !strings.Contains(info, "db"+db+":keys=1") {
				t.Errorf("not in database %s: %s", db, info)
			}
			if got := run(t, c, echo, []string{"weir:k"}, "two\r\nlines "); got != "two\r\nlines weir:k" {
				t.Errorf("the reply is %q", got)
			}
		})
	}
}

func TestWrongCertificates(t *testing.T) {
	s := redistest.StartTLS(t)
	for name, files := range map[string]*redis.TLS{
		"unknown authority":     {Cert: s.Files.Cert, Key: s.Files.Key},
		"no client certificate": {CA: s.Files.CA},
		"other name":            {CA: s.Files.CA, Cert: s.Files.Cert, Key: s.Files.Key, ServerName: "elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, redis.Options{Addresses: []string{s.URL()}, TLS: files})
			if _, err := c.Run(time.Now().Add(soon), echo, []string{"k"}, []string{"x"}); err == nil {
				t.Error("the connection was made")
			}
		})
	}
}

func TestOptionMistake(t *testing.T) {
	_, err := goredis.New(redis.Options{Addresses: []string{"redis"}})
	if _, ok := err.(*core.OptionError); !ok {
		t.Errorf("got %v", err)
	}
}

func TestServerErrors(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "secret")
	good := newClient(t, redis.Options{Addresses: []string{s.Addr()}, Password: "secret"})
	bad := newClient(t, redis.Options{Addresses: []string{s.Addr()}, Password: "wrong-one"})
	for name, attempt := range map[string]func() error{
		"script": func() error {
			_, err := good.Run(time.Now().Add(soon), broken, []string{"k"}, nil)
			return err
		},
		"password": func() error {
			_, err := bad.Run(time.Now().Add(soon), echo, []string{"k"}, []string{"x"})
			return err
		},
	} {
		err := attempt()
		if _, ok := err.(redis.ServerError); !ok {
			t.Errorf("%s: %T %v", name, err, err)
		} else if strings.Contains(err.Error(), "wrong-one") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
	run(t, good, echo, []string{"k"}, "after an error")
}

func TestScriptIsLoadedAgain(t *testing.T) {
	s := redistest.Start(t)
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}})
	run(t, c, increment, []string{"k"})
	s.MustDo("SCRIPT", "FLUSH")
	if got := run(t, c, increment, []string{"k"}); got != "2" {
		t.Errorf("after SCRIPT FLUSH: %q", got)
	}
	if stats := s.MustDo("INFO", "commandstats"); !strings.Contains(stats, "cmdstat_eval:calls=2,") {
		t.Errorf("EVAL was not used exactly twice: %s", stats)
	}
}

// Each connection that a restart left behind would otherwise cost a decision.
func TestRestart(t *testing.T) {
	for name, start := range map[string]func() (*redistest.Server, redis.Options){
		"clear": func() (*redistest.Server, redis.Options) {
			s := redistest.Start(t)
			return s, redis.Options{Addresses: []string{s.Addr()}}
		},
		"tls": func() (*redistest.Server, redis.Options) {
			s := redistest.StartTLS(t)
			return s, redis.Options{Addresses: []string{s.URL()}, TLS: &redis.TLS{CA: s.Files.CA, Cert: s.Files.Cert, Key: s.Files.Key}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := start()
			c := newClient(t, o)
			var wg sync.WaitGroup
			for i := 0; i < redis.DefaultPoolSize; i++ {
				wg.Add(1)
				go func() {
					defer wg.Done()
					run(t, c, increment, []string{"k"})
				}()
			}
			wg.Wait()
			s.Restart()
			for i := 0; i < redis.DefaultPoolSize; i++ {
				run(t, c, increment, []string{"k"})
			}
		})
	}
}

// A server that hangs costs the deadline and no more, also of those who wait for
// a connection.
func TestDeadline(t *testing.T) {
	s := redistest.Start(t)
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}, PoolSize: 2})
	run(t, c, echo, []string{"k"}, "x")
	s.Pause()
	const allowed = 150 * time.Millisecond
	var wg sync.WaitGroup
	for i := 0; i < 20; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			begin := time.Now()
			if _, err := c.Run(begin.Add(allowed), echo, []string{"k"}, []string{"x"}); err == nil {
				t.Error("a server that hangs answered")
			}
			if took := time.Since(begin); took > 4*allowed {
				t.Errorf("%v of %v", took, allowed)
			}
		}()
	}
	wg.Wait()
	s.Resume()
	eventually(t, "the server answers again", func() bool {
		_, err := c.Run(time.Now().Add(allowed), echo, []string{"k"}, []string{"x"})
		return err == nil
	})
	if n := strings.Count(s.MustDo("CLIENT", "LIST", "TYPE", "NORMAL"), "id="); n > 3 {
		t.Errorf("%d connections where 2 are the most, and the test's own", n)
	}
}

// A script whose reply is lost may have run: it is not sent again.
func TestSentOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var sent atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					switch strings.ToLower(lines.Text()) {
					case "hello":
						conn.Write([]byte("-ERR unknown command\r\n"))
					case "evalsha", "eval":
						sent.Add(1)
						return
					}
				}
			}()
		}
	}()
	c := newClient(t, redis.Options{Addresses: []string{listener.Addr().String()}})
	if _, err := c.Run(time.Now().Add(soon), echo, []string{"k"}, []string{"x"}); err == nil {
		t.Error("a reply from nowhere")
	}
	if n := sent.Load(); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func TestNobodyThere(t *testing.T) {
	s := redistest.Start(t)
	s.Stop()
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}})
	begin := time.Now()
	for i := 0; i < 3; i++ {
		if _, err := c.Run(begin.Add(soon), echo, []string{"k"}, []string{"x"}); err == nil {
			t.Error("nobody answered")
		}
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("a refused connection took %v to say so", took)
	}
	// Lost for long, with every place in the pool having failed, and back.
	for i := 0; i < 2*redis.DefaultPoolSize; i++ {
		c.Run(time.Now().Add(soon), echo, []string{"k"}, []string{"x"})
	}
	s.Restart()
	eventually(t, "the server is found again", func() bool {
		_, err := c.Run(time.Now().Add(soon), echo, []string{"k"}, []string{"x"})
		return err == nil
	})
}

func TestSentinel(t *testing.T) {
	for name, auth := range map[string]redistest.SentinelAuth{
		"open": {},
		"auth": {Password: "data", SentinelUsername: "watch", SentinelPassword: "man"},
	} {
		t.Run(name, func(t *testing.T) {
			s := redistest.StartSentinelAuth(t, auth)
			c := newClient(t, redis.Options{
				Addresses: s.Addrs(), Master: s.Name, Password: auth.Password,
				SentinelUsername: auth.SentinelUsername, SentinelPassword: auth.SentinelPassword,
			})
			run(t, c, increment, []string{"k"})
			// In good order: the old master answers READONLY now.
			promoted := s.Failover()
			if got := run(t, c, increment, []string{"after"}); got != "1" {
				t.Errorf("after a failover: %q", got)
			}
			if promoted.MustDo("GET", "after") != "1" {
				t.Error("the new master did not get it")
			}
			if name != "open" {
				return
			}
			// And by a crash.
			promoted.Stop()
			s.WaitPromoted(promoted)
			eventually(t, "the new master is found", func() bool {
				_, err := c.Run(time.Now().Add(time.Second), increment, []string{"k"}, nil)
				return err == nil
			})
		})
	}
}

// A replica behind a fixed address answers READONLY: no answer of its own.
func TestReplicaIsNoMaster(t *testing.T) {
	master := redistest.Start(t)
	host, port, _ := net.SplitHostPort(master.Addr())
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	c := newClient(t, redis.Options{Addresses: []string{replica.Addr()}})
	begin := time.Now()
	_, err := c.Run(begin.Add(100*time.Millisecond), increment, []string{"k"}, nil)
	if answered, ok := err.(redis.ServerError); !ok || !strings.Contains(string(answered), "READONLY") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v", took)
	}
	// Promoted meanwhile, it is the master that was asked for.
	replica.MustDo("REPLICAOF", "NO", "ONE")
	run(t, c, increment, []string{"k"})
}

func TestCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, 1)
	c := newClient(t, redis.Options{Addresses: cluster.Addrs()[:1], Cluster: true})
	if !c.Sharded() {
		t.Error("a Cluster is sharded")
	}
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		run(t, c, increment, []string{"{" + key + "}"})
		if cluster.Owner("{"+key+"}").MustDo("GET", "{"+key+"}") != "1" {
			t.Errorf("%s is not where it belongs", key)
		}
	}
	key := "{moving}"
	from := cluster.Owner(key)
	to := cluster.Shards[0]
	if from == to {
		to = cluster.Shards[1]
	}
	run(t, c, increment, []string{key})
	slot := cluster.Slot(key)
	cluster.BeginMove(slot, from, to)
	// ASK, of a script that the target has never seen.
	to.MustDo("SCRIPT", "FLUSH")
	if got := run(t, c, increment, []string{key + "new"}); got != "1" {
		t.Errorf("while the slot moves: %q", got)
	}
	if got := run(t, c, increment, []string{key}); got != "2" {
		t.Errorf("what has not moved yet: %q", got)
	}
	cluster.EndMove(slot, from, to)
	if got := run(t, c, increment, []string{key}); got != "3" {
		t.Errorf("after the slot has moved: %q", got)
	}
	// A shard dies, and its replica takes over.
	gone := 0
	for i, shard := range cluster.Shards {
		if shard == to {
			gone = i
		}
	}
	to.Stop()
	cluster.WaitPromoted(gone)
	eventually(t, "the replica is found", func() bool {
		_, err := c.Run(time.Now().Add(time.Second), increment, []string{key}, nil)
		return err == nil
	})
}

// Nothing is left after Close, whatever was going on.
func TestClose(t *testing.T) {
	for name, o := range map[string]func(t *testing.T) (redis.Options, *redistest.Server){
		"single": func(t *testing.T) (redis.Options, *redistest.Server) {
			s := redistest.Start(t)
			return redis.Options{Addresses: []string{s.Addr()}}, s
		},
		"cluster": func(t *testing.T) (redis.Options, *redistest.Server) {
			s := redistest.StartCluster(t, 3, 0)
			return redis.Options{Addresses: s.Addrs()}, s.Shards[0]
		},
		"sentinel": func(t *testing.T) (redis.Options, *redistest.Server) {
			s := redistest.StartSentinel(t)
			return redis.Options{Addresses: s.Addrs(), Master: s.Name}, s.Servers[0]
		},
	} {
		t.Run(name, func(t *testing.T) {
			options, server := o(t)
			before := runtime.NumGoroutine()
			c := newClient(t, options)
			run(t, c, echo, []string{"k"}, "x")
			server.Pause()
			defer server.Resume()
			var wg sync.WaitGroup
			for i := 0; i < 40; i++ {
				wg.Add(1)
				go func() {
					defer wg.Done()
					c.Run(time.Now().Add(50*time.Millisecond), echo, []string{"k"}, []string{"x"})
				}()
			}
			wg.Wait()
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if _, err := c.Run(time.Now().Add(soon), echo, []string{"k"}, []string{"x"}); err == nil {
				t.Error("a closed client runs")
			}
			eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// go-redis writes to standard error unless told not to; a host has its own log.
func TestSilence(t *testing.T) {
	if os.Getenv("GOREDIS_SILENCE") == "1" {
		c := newClient(t, redis.Options{Addresses: []string{"127.0.0.1:1"}, Password: "secret"})
		for i := 0; i < 30; i++ {
			c.Run(time.Now().Add(time.Second), echo, []string{"k"}, []string{"x"})
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSilence$")
	cmd.Env = append(os.Environ(), "GOREDIS_SILENCE=1")
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil || out.Len() > 0 {
		t.Errorf("%v, and on standard error: %s", err, out.String())
	}
}

// Concurrent runs share round trips, and each gets its own answer.
func TestTogether(t *testing.T) {
	s := redistest.Start(t)
	c := newClient(t, redis.Options{Addresses: []string{s.Addr()}})
	run(t, c, echo, []string{"k"}, "x")
	s.Pause()
	const n = 200
	var wg sync.WaitGroup
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			script, want := echo, strconv.Itoa(i)+"k"
			if i%10 == 0 {
				script, want = broken, ""
			}
			got, err := c.Run(time.Now().Add(soon), script, []string{"k"}, []string{strconv.Itoa(i)})
			if _, answered := err.(redis.ServerError); got != want || answered != (want == "") {
				t.Errorf("%d: %q, %v", i, got, err)
			}
		}()
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		// One that cannot wait does not keep the others from being answered.
		if _, err := c.Run(time.Now().Add(20*time.Millisecond), echo, []string{"k"}, []string{"x"}); err == nil {
			t.Error("a server that hangs answered")
		}
		s.Resume()
	}()
	wg.Wait()
	if clients := s.MustDo("CLIENT", "LIST", "TYPE", "NORMAL"); strings.Count(clients, "id=") > 5 {
		t.Errorf("more than four connections, and the test's, for commands that share: %s", clients)
	}
}
