package redistest

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestStart(t *testing.T) {
	s := Start(t, "--requirepass", "secret word")
	s.MustDo("SET", "k", "two words\r\n")
	if got := s.MustDo("GET", "k"); got != "two words\r\n" {
		t.Errorf("GET k = %q", got)
	}
	if _, err := s.Do("NONSENSE"); err == nil || !strings.HasPrefix(err.Error(), "ERR") {
		t.Errorf("NONSENSE: %v", err)
	}
	s.Pause()
	s.Resume()
	s.Restart()
	if got := s.MustDo("GET", "k"); got != "" {
		t.Errorf("after a restart GET k = %q", got)
	}
	s.Stop()
	if _, err := s.Do("PING"); err == nil {
		t.Error("a stopped server answers")
	}
}

func TestNothingIsLeft(t *testing.T) {
	var s *Server
	t.Run("server", func(t *testing.T) { s = Start(t) })
	if s.process != nil {
		t.Error("the server runs on")
	}
	if _, err := os.Stat(s.dir); err == nil {
		t.Errorf("%s is still there", s.dir)
	}
}

func TestStartUnix(t *testing.T) {
	s := StartUnix(t)
	if got := s.MustDo("PING"); got != "PONG" || !strings.HasPrefix(s.URL(), "unix:///") {
		t.Errorf("%s: %q", s.URL(), got)
	}
}

func TestStartTLS(t *testing.T) {
	s := StartTLS(t)
	if got := s.MustDo("PING"); got != "PONG" || !strings.HasPrefix(s.URL(), "rediss://") {
		t.Errorf("%s: %q", s.URL(), got)
	}
}

func TestStartCluster(t *testing.T) {
	c := StartCluster(t, 3, 1)
	owner := c.Owner("k")
	slot := c.Slot("k")
	to := c.Shards[0]
	if owner == to {
		to = c.Shards[1]
	}
	owner.MustDo("SET", "k", "v")
	c.BeginMove(slot, owner, to)
	if _, err := owner.Do("GET", "{k}2"); err == nil || !strings.HasPrefix(err.Error(), "ASK") {
		t.Errorf("while the slot moves: %v", err)
	}
	c.EndMove(slot, owner, to)
	if _, err := owner.Do("GET", "k"); err == nil || !strings.HasPrefix(err.Error(), "MOVED") {
		t.Errorf("after the slot has moved: %v", err)
	}
	if got := to.MustDo("GET", "k"); got != "v" {
		t.Errorf("the new owner has %q", got)
	}
	c.Shards[2].Stop()
	c.WaitPromoted(2)
}

func TestStartSentinel(t *testing.T) {
	s := StartSentinelAuth(t, SentinelAuth{Password: "data", SentinelUsername: "watch", SentinelPassword: "man"})
	if s.Master() != s.Servers[0] {
		t.Error("the master is not the first server")
	}
	if s.Failover() != s.Servers[1] {
		t.Error("the replica is not the new master")
	}
}

func TestWire(t *testing.T) {
	s := Start(t)
	w := StartWire(t, s.Addr())
	conn, err := net.Dial("tcp", w.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := newClient(conn)
	ping := func(deadline time.Duration) (time.Duration, error) {
		began := time.Now()
		conn.SetDeadline(began.Add(deadline))
		got, err := c.do([]string{"PING"})
		if err == nil && got != "PONG" {
			t.Errorf("PING: %q", got)
		}
		return time.Since(began), err
	}
	if _, err := ping(patience); err != nil {
		t.Fatal(err)
	}
	for _, f := range []Fault{{Delay: 50 * time.Millisecond}, {Trickle: 10 * time.Millisecond}} {
		w.Set(f)
		if took, err := ping(patience); err != nil || took < 50*time.Millisecond {
			t.Errorf("%+v: %v in %v", f, err, took)
		}
	}
	w.Set(Fault{Hold: true})
	if _, err := ping(50 * time.Millisecond); err == nil {
		t.Error("an answer came although all is held")
	}
	w.Set(Fault{})
	conn.SetDeadline(time.Now().Add(patience))
	if late, err := c.reply(); err != nil || late != "PONG" {
		t.Errorf("when it is over: %q, %v", late, err)
	}
	w.Set(Fault{Reset: true})
	if _, err := ping(patience); err == nil {
		t.Error("a connection lives on")
	}
}
