package resp

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

func TestCluster(t *testing.T) {
	nothingLeft(t)
	t.Run("cluster", func(t *testing.T) {
		cl := redistest.StartCluster(t, 3, 1)
		clusterOf := func(addresses ...string) *Client {
			return newClient(t, redis.Options{Addresses: addresses, Cluster: true, PoolSize: 4})
		}
		c := clusterOf(cl.Addrs()...)
		if !c.Sharded() {
			t.Error("a Cluster is sharded")
		}

		t.Run("every slot's owner is asked at once", func(t *testing.T) {
			for i := 0; i < 200; i++ {
				expect(t, c, count, fmt.Sprint("key ", i), "", "1")
			}
			for _, shard := range cl.Shards {
				if errors := shard.MustDo("INFO", "errorstats"); strings.Contains(errors, "MOVED") {
					t.Errorf("a node had to redirect:\n%s", errors)
				}
			}
			for _, key := range []string{"foo", "{foo}bar", "foo{}", "a{b}c"} {
				if slotOf(key) != cl.Slot(key) {
					t.Errorf("%q: slot %d, the server says %d", key, slotOf(key), cl.Slot(key))
				}
			}
		})
		t.Run("one address is enough, a replica's too", func(t *testing.T) {
			for _, address := range []string{cl.Shards[1].Addr(), cl.Replicas[2][0].Addr()} {
				one := clusterOf(address)
				for i := 0; i < 20; i++ {
					expect(t, one, echo, fmt.Sprint("key ", i), "x", "x")
				}
			}
		})
		t.Run("nodes that are down or no Cluster's are passed over", func(t *testing.T) {
			single := redistest.Start(t)
			expect(t, clusterOf("127.0.0.1:1", single.Addr(), cl.Shards[0].Addr()), echo, "k", "x", "x")
			_, err := run(clusterOf(single.Addr()), echo, "k", "x")
			if err == nil || !strings.Contains(err.Error(), "no node of a Cluster") {
				t.Errorf("got %v", err)
			}
		})
		t.Run("keys of two slots", func(t *testing.T) {
			_, err := c.Run(time.Now().Add(long), echo, []string{"a", "b"}, []string{"x"})
			if e, ok := err.(redis.ServerError); !ok || code(string(e)) != "CROSSSLOT" {
				t.Errorf("got %v", err)
			}
		})
		t.Run("a slot moves under load", func(t *testing.T) { moveUnderLoad(t, cl, c) })
		t.Run("the scripts are forgotten", func(t *testing.T) {
			for _, shard := range cl.Shards {
				shard.MustDo("SCRIPT", "FLUSH")
			}
			for i := 0; i < 50; i++ {
				expect(t, c, echo, fmt.Sprint("key ", i), "x", "x")
			}
		})
		t.Run("a shard hangs", func(t *testing.T) {
			lost := keyOf(cl, cl.Shards[1])
			others := keyOf(cl, cl.Shards[2])
			cl.Shards[1].Pause()
			for i := 0; i < 10; i++ {
				start := time.Now()
				if err := within(c, 50*time.Millisecond, count, lost); err == nil {
					t.Error("a shard that hangs has answered")
				}
				if d := time.Since(start); d > soon {
					t.Errorf("it took %v", d)
				}
				if err := within(c, soon, count, others); err != nil {
					t.Errorf("the other shards: %v", err)
				}
			}
			cl.WaitPromoted(1)
			eventually(t, func() error { return within(c, 200*time.Millisecond, count, lost) })
			for i := 0; i < 20; i++ {
				if _, err := run(c, count, lost, ""); err != nil {
					t.Errorf("after the first success: %v", err)
				}
			}
			cl.Shards[1].Resume()
		})
		t.Run("a shard dies", func(t *testing.T) {
			lost := keyOf(cl, cl.Shards[2])
			expect(t, c, echo, lost, "x", "x")
			cl.Shards[2].Stop()
			if err := within(c, 200*time.Millisecond, count, lost); err == nil {
				t.Error("a dead shard has answered")
			}
			cl.WaitPromoted(2)
			eventually(t, func() error { return within(c, 200*time.Millisecond, count, lost) })
			for i := 0; i < 50; i++ {
				if _, err := run(c, count, fmt.Sprint("key ", i), ""); err != nil {
					t.Errorf("after the first success: %v", err)
				}
			}
		})
	})
}

// keyOf is a key that the server owns.
func keyOf(cl *redistest.Cluster, server *redistest.Server) string {
	for i := 0; ; i++ {
		key := fmt.Sprint("of ", i)
		if cl.Owner(key) == server {
			return key
		}
	}
}

// moveUnderLoad has callers count keys of a slot while it moves: none fails and
// none is lost.
func moveUnderLoad(t *testing.T, cl *redistest.Cluster, c *Client) {
	from, to := cl.Shards[0], cl.Shards[1]
	key := keyOf(cl, from)
	slot := cl.Slot(key)
	const callers = 4
	var stop atomic.Bool
	var ran [callers]int
	var wg sync.WaitGroup
	for i := 0; i < callers; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for !stop.Load() {
				if _, err := run(c, count, fmt.Sprintf("{%s}%d", key, i), ""); err != nil {
					t.Error(err)
				}
				ran[i]++
			}
		}()
	}
	progress := func() {
		start := from.MustDo("INFO", "commandstats")
		eventually(t, func() error {
			if from.MustDo("INFO", "commandstats") == start {
				return fmt.Errorf("no command was run")
			}
			return nil
		})
	}
	progress()
	cl.BeginMove(slot, from, to)
	progress()
	// What neither has yet is asked for at the new owner.
	expect(t, c, count, "{"+key+"}new", "", "1")
	if got := to.MustDo("CLUSTER", "GETKEYSINSLOT", strconv.Itoa(slot), "100"); got != "{"+key+"}new" {
		t.Errorf("the new owner has %q", got)
	}
	cl.EndMove(slot, from, to)
	expect(t, c, count, "{"+key+"}new", "", "2")
	stop.Store(true)
	wg.Wait()
	for i, n := range ran {
		if got := to.MustDo("GET", fmt.Sprintf("{%s}%d", key, i)); got != fmt.Sprint(n) {
			t.Errorf("the new owner has counted %s of %d", got, n)
		}
	}
	eventually(t, func() error {
		before := from.MustDo("INFO", "errorstats")
		if _, err := run(c, count, key, ""); err != nil {
			return err
		}
		if from.MustDo("INFO", "errorstats") != before {
			return fmt.Errorf("the old owner is still asked")
		}
		return nil
	})
}

// node is a fake node whose CLUSTER SLOTS announces these host and port for all
// slots.
func node(t *testing.T, slots func() string, eval func(args []string) string) *fake {
	return serve(t, func(args []string) string {
		switch {
		case args[0] == "CLUSTER":
			return slots()
		case strings.HasPrefix(args[0], "EVAL"):
			return eval(args)
		}
		return ""
	})
}

func allSlots(host, address string) string {
	_, port, _ := net.SplitHostPort(address)
	return "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n" + host + ":" + port + "\r\n" + bulk("id")
}

func TestNodeThatDoesNotKnowItsOwnHost(t *testing.T) {
	for name, host := range map[string]string{"null": "$-1\r\n", "empty": bulk(""), "unknown": bulk("?")} {
		t.Run(name, func(t *testing.T) {
			var f *fake
			f = node(t, func() string { return allSlots(host, f.address) }, func([]string) string { return bulk("x") })
			c := newClient(t, redis.Options{Addresses: []string{f.address}, Cluster: true})
			expect(t, c, echo, "k", "x", "x")
		})
	}
}

func TestRedirectionWithoutHost(t *testing.T) {
	right := node(t, func() string { return "*0\r\n" }, func([]string) string { return bulk("x") })
	_, port, _ := net.SplitHostPort(right.address)
	var wrong *fake
	wrong = node(t, func() string { return allSlots(bulk("127.0.0.1"), wrong.address) },
		func([]string) string { return "-MOVED 12539 :" + port + "\r\n" })
	c := newClient(t, redis.Options{Addresses: []string{wrong.address}, Cluster: true})
	expect(t, c, echo, "k", "x", "x")
}

func TestRedirectionsAreBounded(t *testing.T) {
	var a, b *fake
	a = node(t, func() string { return allSlots(bulk("127.0.0.1"), a.address) },
		func([]string) string { return "-MOVED 1 " + b.address + "\r\n" })
	b = node(t, func() string { return allSlots(bulk("127.0.0.1"), b.address) },
		func([]string) string { return "-ASK 1 " + a.address + "\r\n" })
	c := newClient(t, redis.Options{Addresses: []string{a.address}, Cluster: true})
	if _, err := run(c, echo, "k", "x"); err == nil {
		t.Error("no error")
	}
	if n := a.scripts.Load() + b.scripts.Load(); n != maxAttempts {
		t.Errorf("%d attempts, want %d", n, maxAttempts)
	}
}

func TestRefreshesAreFew(t *testing.T) {
	var refreshes atomic.Int64
	var f *fake
	f = node(t, func() string { refreshes.Add(1); return allSlots(bulk("127.0.0.1"), f.address) },
		func([]string) string { return "-MOVED 1 " + f.address + "\r\n" })
	c := newClient(t, redis.Options{Addresses: []string{f.address}, Cluster: true})
	start := time.Now()
	for i := 0; i < 100; i++ {
		run(c, echo, "k", "x")
	}
	// One to begin with, one in each interval.
	if most := 2 + int64(time.Since(start)/refreshInterval); refreshes.Load() > most {
		t.Errorf("%d refreshes, want %d at most", refreshes.Load(), most)
	}
}

func TestPassingErrorsAreWaitedFor(t *testing.T) {
	for _, passing := range []string{
		"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
		"-CLUSTERDOWN The cluster is down\r\n",
	} {
		var asked atomic.Int64
		var f *fake
		f = node(t, func() string { return allSlots(bulk("127.0.0.1"), f.address) }, func([]string) string {
			if asked.Add(1) < 3 {
				return passing
			}
			return bulk("x")
		})
		c := newClient(t, redis.Options{Addresses: []string{f.address}, Cluster: true})
		expect(t, c, echo, "k", "x", "x")
		// For no longer than the call's time: in the end there is the server's
		// answer, or none in time.
		asked.Store(-1000)
		start := time.Now()
		err := within(c, 30*time.Millisecond, echo, "k")
		if e, ok := err.(redis.ServerError); !late(err) && (!ok || !strings.HasPrefix(passing, "-"+string(e))) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d > soon {
			t.Errorf("it took %v", d)
		}
	}
}

func TestClusterCredentials(t *testing.T) {
	cl := redistest.StartCluster(t, 3, 0, "--requirepass", "secret")
	c := newClient(t, redis.Options{Addresses: cl.Addrs(), Password: "secret"})
	for i := 0; i < 20; i++ {
		expect(t, c, echo, fmt.Sprint("key ", i), "x", "x")
	}
	_, err := run(newClient(t, redis.Options{Addresses: cl.Addrs(), Password: "wrong"}), echo, "k", "x")
	if err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("got %v", err)
	}
}

func TestClusterThatIsDown(t *testing.T) {
	c := newClient(t, redis.Options{Addresses: []string{"127.0.0.1:1", "127.0.0.1:2"}})
	for i := 0; i < 10; i++ {
		start := time.Now()
		if err := within(c, time.Second, echo, "k"); err == nil {
			t.Error("no error")
		}
		if d := time.Since(start); d > soon {
			t.Errorf("it took %v", d)
		}
	}
}
