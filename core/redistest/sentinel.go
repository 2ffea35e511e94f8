package redistest

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Sentinels are a master, a replica and three Sentinels that watch them.
type Sentinels struct {
	// Name is what the Sentinels call the master.
	Name string
	// Servers are the master and the replica, in the order of the start.
	Servers []*Server
	// Sentinels are the Sentinels; Stop and Pause work on them too.
	Sentinels []*Server

	t testing.TB
}

// SentinelAuth are the credentials that servers and Sentinels ask for, none
// where empty.
type SentinelAuth struct {
	Password         string
	SentinelUsername string
	SentinelPassword string
}

// StartSentinel starts a master with its Sentinels, which replace it after half
// a second's silence, and waits until they know each other.
func StartSentinel(t testing.TB) *Sentinels {
	t.Helper()
	return StartSentinelAuth(t, SentinelAuth{})
}

// StartSentinelAuth is StartSentinel with credentials.
func StartSentinelAuth(t testing.TB, auth SentinelAuth) *Sentinels {
	t.Helper()
	s := &Sentinels{Name: "weir", t: t}
	args := []string{"--repl-diskless-sync-delay", "0"}
	if auth.Password != "" {
		args = append(args, "--requirepass", auth.Password, "--masterauth", auth.Password)
	}
	master := Start(t, args...)
	host, port, _ := net.SplitHostPort(master.addr)
	replica := Start(t, append([]string{"--replicaof", host + " " + port}, args...)...)
	s.Servers = []*Server{master, replica}
	eventually(t, "the replica follows the master", func() bool {
		return strings.Contains(replica.MustDo("INFO", "replication"), "master_link_status:up")
	})
	for i := 0; i < 3; i++ {
		s.Sentinels = append(s.Sentinels, s.startSentinel(auth))
	}
	eventually(t, "the Sentinels know each other and the replica", func() bool {
		for _, sentinel := range s.Sentinels {
			state := sentinel.MustDo("SENTINEL", "MASTER", s.Name)
			if !strings.Contains(state, "num-other-sentinels\n2\n") || !strings.Contains(state, "num-slaves\n1\n") {
				return false
			}
		}
		return true
	})
	return s
}

// Addrs are the Sentinels' addresses.
func (s *Sentinels) Addrs() []string {
	var addrs []string
	for _, sentinel := range s.Sentinels {
		addrs = append(addrs, sentinel.addr)
	}
	return addrs
}

// Master is the server that the Sentinels take for the master.
func (s *Sentinels) Master() *Server {
	s.t.Helper()
	for _, sentinel := range s.Sentinels {
		if sentinel.process == nil {
			continue
		}
		reply, err := sentinel.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.Name)
		if err != nil {
			continue
		}
		for _, server := range s.Servers {
			if reply == strings.Replace(server.addr, ":", "\n", 1) {
				return server
			}
		}
	}
	s.t.Fatal("no Sentinel knows the master")
	return nil
}

// Failover makes the replica the master in good order, and waits until all
// Sentinels and both servers agree. It returns the new master.
func (s *Sentinels) Failover() *Server {
	s.t.Helper()
	old := s.Master()
	eventually(s.t, "a failover can begin", func() bool {
		_, err := s.Sentinels[0].Do("SENTINEL", "FAILOVER", s.Name)
		return err == nil
	})
	promoted := s.WaitPromoted(old)
	eventually(s.t, "the old master follows the new one", func() bool {
		role, err := old.Do("ROLE")
		return err == nil && strings.HasPrefix(role, "slave")
	})
	return promoted
}

// WaitPromoted waits until another server than old is the master everywhere,
// after old was stopped or paused.
func (s *Sentinels) WaitPromoted(old *Server) *Server {
	s.t.Helper()
	var promoted *Server
	eventually(s.t, "a replica is promoted", func() bool {
		for _, sentinel := range s.Sentinels {
			if sentinel.process == nil {
				continue
			}
			reply, err := sentinel.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.Name)
			if err != nil || reply == strings.Replace(old.addr, ":", "\n", 1) {
				return false
			}
		}
		promoted = s.Master()
		role, err := promoted.Do("ROLE")
		return err == nil && strings.HasPrefix(role, "master")
	})
	return promoted
}

func (s *Sentinels) startSentinel(auth SentinelAuth) *Server {
	s.t.Helper()
	host, port, _ := net.SplitHostPort(s.Servers[0].addr)
	lines := []string{
		"sentinel monitor " + s.Name + " " + host + " " + port + " 2",
		"sentinel down-after-milliseconds " + s.Name + " 500",
		"sentinel failover-timeout " + s.Name + " 2000",
	}
	if auth.Password != "" {
		lines = append(lines, "sentinel auth-pass "+s.Name+" "+strconv.Quote(auth.Password))
	}
	if auth.SentinelPassword != "" {
		user := auth.SentinelUsername
		if user == "" {
			user = "default"
		}
		rules := " on " + strconv.Quote(">"+auth.SentinelPassword) + " ~* &* +@all"
		lines = append(lines, "user default"+rules, "sentinel sentinel-pass "+strconv.Quote(auth.SentinelPassword))
		if user != "default" {
			lines = append(lines, "user "+user+rules)
		}
	}
	server := prepare(s.t, nil)
	server.password = auth.SentinelPassword
	config := filepath.Join(server.dir, "sentinel.conf")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	// A Sentinel's configuration file comes first, and none of a server's
	// arguments belong to it.
	server.args = nil
	server.listen(func(port string) []string {
		return []string{config, "--sentinel", "--port", port, "--dir", server.dir}
	})
	return server
}
