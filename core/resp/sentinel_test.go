package resp

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

func TestSentinel(t *testing.T) {
	nothingLeft(t)
	t.Run("failures", func(t *testing.T) {
		s := redistest.StartSentinel(t)
		c := newClient(t, redis.Options{Addresses: s.Addrs(), Master: s.Name, PoolSize: 4})
		if c.Sharded() {
			t.Error("one master is not sharded")
		}
		expect(t, c, count, "k", "", "1")

		t.Run("a Sentinel hangs and one is down", func(t *testing.T) {
			s.Sentinels[0].Pause()
			s.Sentinels[1].Stop()
			// Within what is left of the dial timeout, to the last of three.
			fresh := newClient(t, redis.Options{Addresses: s.Addrs(), Master: s.Name})
			if _, err := run(fresh, echo, "k", "x"); err != nil {
				t.Error(err)
			}
			s.Sentinels[0].Resume()
			s.Sentinels[1].Restart()
		})
		t.Run("failover", func(t *testing.T) {
			promoted := s.Failover()
			settles(t, c, promoted)
		})
		t.Run("the master dies", func(t *testing.T) {
			old := s.Master()
			old.Stop()
			settles(t, c, s.WaitPromoted(old))
			old.Restart()
			eventually(t, func() error {
				if role := old.MustDo("ROLE"); !strings.HasPrefix(role, "slave") {
					return fmt.Errorf("the old master is %.20q", role)
				}
				return nil
			})
			if info := s.Master().MustDo("INFO", "replication"); !strings.Contains(info, "connected_slaves") {
				t.Error(info)
			}
			eventually(t, func() error {
				if info := s.Master().MustDo("INFO", "replication"); !strings.Contains(info, "state=online") {
					return fmt.Errorf("no replica: %s", info)
				}
				return nil
			})
			settles(t, c, s.Master())
		})
		t.Run("the master hangs", func(t *testing.T) {
			old := s.Master()
			// All connections are idle when it happens.
			var wg sync.WaitGroup
			for i := 0; i < 4; i++ {
				wg.Add(1)
				go func() { defer wg.Done(); run(c, echo, "k", "x") }()
			}
			wg.Wait()
			old.Pause()
			settles(t, c, s.WaitPromoted(old))
			old.Resume()
		})
	})
}

// A failover in good order breaks no connection, and the old master takes
// commands for some seconds yet.
func TestSentinelFailoverIsNoticed(t *testing.T) {
	nothingLeft(t)
	t.Run("failover", func(t *testing.T) {
		s := redistest.StartSentinel(t)
		c := newClient(t, redis.Options{Addresses: s.Addrs(), Master: s.Name})
		expect(t, c, count, "k", "", "1")
		old := s.Master()
		eventually(t, func() error {
			_, err := s.Sentinels[0].Do("SENTINEL", "FAILOVER", s.Name)
			return err
		})
		promoted := s.WaitPromoted(old)
		began := time.Now()
		eventually(t, func() error {
			if err := within(c, 200*time.Millisecond, count, "new"); err != nil {
				return err
			}
			if promoted.MustDo("EXISTS", "new") != "1" {
				return fmt.Errorf("the old master counts on")
			}
			return nil
		})
		if took := time.Since(began); took > 3*tick {
			t.Errorf("the new master was found after %v", took)
		}
	})
}

// settles waits until the client counts at the server, with deadlines as short
// as those of decisions, and checks that it stays there.
func settles(t *testing.T, c *Client, server *redistest.Server) {
	t.Helper()
	key := "settled " + server.Addr() + time.Now().String()
	eventually(t, func() error { return within(c, 200*time.Millisecond, count, key) })
	for i := 0; i < 20; i++ {
		if _, err := run(c, count, key, ""); err != nil {
			t.Errorf("after the first success: %v", err)
		}
	}
	got := server.MustDo("GET", key)
	var n int
	if fmt.Sscan(got, &n); n < 21 {
		t.Errorf("the master has counted %q of 21", got)
	}
}

func TestSentinelCredentials(t *testing.T) {
	s := redistest.StartSentinelAuth(t, redistest.SentinelAuth{
		Password: "data secret", SentinelUsername: "watcher", SentinelPassword: "watch secret",
	})
	right := redis.Options{
		Addresses: s.Addrs(), Master: s.Name, DB: 2,
		Password: "data secret", SentinelUsername: "watcher", SentinelPassword: "watch secret",
	}
	tests := map[string]struct {
		change func(*redis.Options)
		want   string
	}{
		"right":              {func(*redis.Options) {}, ""},
		"default user":       {func(o *redis.Options) { o.SentinelUsername = "" }, ""},
		"no password":        {func(o *redis.Options) { o.Password = "" }, "NOAUTH"},
		"wrong password":     {func(o *redis.Options) { o.Password = "nil" }, "WRONGPASS"},
		"not to Sentinels":   {func(o *redis.Options) { o.SentinelUsername, o.SentinelPassword = "", "" }, "NOAUTH"},
		"wrong to Sentinels": {func(o *redis.Options) { o.SentinelPassword = "data secret" }, "WRONGPASS"},
		"unknown master":     {func(o *redis.Options) { o.Master = "other" }, `"other"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := right
			test.change(&options)
			_, err := run(newClient(t, options), count, "k", "")
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
	if keys := s.Master().MustDo("INFO", "keyspace"); !strings.Contains(keys, "db2:") || strings.Contains(keys, "db0:") {
		t.Errorf("the database was not selected: %s", keys)
	}
}

// A Sentinel that has not heard of a failover points at a replica.
func TestSentinelThatIsBehind(t *testing.T) {
	master := redistest.Start(t)
	host, port, _ := net.SplitHostPort(master.Addr())
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	pointAt := func(s *redistest.Server) *fake {
		host, port, _ := net.SplitHostPort(s.Addr())
		return serve(t, func(args []string) string {
			if args[0] == "SENTINEL" {
				return "*2\r\n" + bulk(host) + bulk(port)
			}
			return ""
		})
	}
	behind, right := pointAt(replica), pointAt(master)
	c := newClient(t, redis.Options{Addresses: []string{behind.address, right.address}, Master: "m"})
	expect(t, c, count, "k", "", "1")

	none := newClient(t, redis.Options{Addresses: []string{behind.address}, Master: "m"})
	if _, err := run(none, count, "k", ""); err == nil || !strings.Contains(err.Error(), errNotMaster.Error()) {
		t.Errorf("got %v", err)
	}
}
