package redistest

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
)

// Slots is how many hash slots a Cluster has.
const Slots = 16384

// Cluster is a Redis Cluster with at least one shard.
type Cluster struct {
	// Shards are the masters that own slots at the start, in the slots' order.
	Shards []*Server
	// Replicas are the replicas of each shard.
	Replicas [][]*Server

	t testing.TB
}

// StartCluster starts a Cluster and waits until all its nodes agree on it. args
// are appended to each node's command line.
func StartCluster(t testing.TB, shards, replicas int, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for i := 0; i < shards; i++ {
		c.Shards = append(c.Shards, startNode(t, args))
		c.Replicas = append(c.Replicas, nil)
		for j := 0; j < replicas; j++ {
			c.Replicas[i] = append(c.Replicas[i], startNode(t, args))
		}
	}
	for i, node := range c.nodes() {
		node.MustDo("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	for i, shard := range c.Shards {
		first, last := i*Slots/shards, (i+1)*Slots/shards-1
		shard.MustDo("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
	}
	for _, node := range c.nodes()[1:] {
		host, port, _ := net.SplitHostPort(node.addr)
		c.Shards[0].MustDo("CLUSTER", "MEET", host, port)
	}
	known := strconv.Itoa(len(c.nodes()))
	c.wait("all nodes know each other", "cluster_known_nodes:"+known)
	for i, replicas := range c.Replicas {
		id := c.Shards[i].nodeID()
		for _, replica := range replicas {
			eventually(t, "a replica knows its master", func() bool {
				_, err := replica.Do("CLUSTER", "REPLICATE", id)
				return err == nil
			})
			eventually(t, "a replica follows its master", func() bool {
				return strings.Contains(replica.MustDo("INFO", "replication"), "master_link_status:up")
			})
		}
	}
	c.wait("the cluster is up", "cluster_state:ok", fmt.Sprintf("cluster_size:%d", shards))
	if replicas > 0 {
		// A master that has not heard of its replicas yet would not be replaced.
		eventually(t, "all nodes know the replicas", func() bool {
			for _, node := range c.nodes() {
				if strings.Count(node.MustDo("CLUSTER", "NODES"), "slave ") < shards*replicas {
					return false
				}
			}
			return true
		})
	}
	return c
}

// Addrs are the addresses of all nodes.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, node := range c.nodes() {
		addrs = append(addrs, node.addr)
	}
	return addrs
}

// Owner is the shard that the cluster was started with that owns the key's slot
// now, as the shards that run say; nil if none does.
func (c *Cluster) Owner(key string) *Server {
	c.t.Helper()
	for _, node := range c.nodes() {
		if node.process == nil {
			continue
		}
		_, err := node.Do("TTL", key)
		if err == nil {
			return node
		}
	}
	return nil
}

// Slot is the key's slot, as the server computes it.
func (c *Cluster) Slot(key string) int {
	c.t.Helper()
	slot, err := strconv.Atoi(c.running().MustDo("CLUSTER", "KEYSLOT", key))
	if err != nil {
		c.t.Fatal(err)
	}
	return slot
}

// AddShard starts another master, which owns no slots yet.
func (c *Cluster) AddShard(args ...string) *Server {
	c.t.Helper()
	node := startNode(c.t, args)
	host, port, _ := net.SplitHostPort(node.addr)
	c.running().MustDo("CLUSTER", "MEET", host, port)
	c.Shards = append(c.Shards, node)
	c.Replicas = append(c.Replicas, nil)
	c.wait("all nodes know the new one", "cluster_known_nodes:"+strconv.Itoa(len(c.nodes())))
	return node
}

// BeginMove starts to move the slot: keys that from does not hold are asked for
// at to, by ASK.
func (c *Cluster) BeginMove(slot int, from, to *Server) {
	c.t.Helper()
	n := strconv.Itoa(slot)
	to.MustDo("CLUSTER", "SETSLOT", n, "IMPORTING", from.nodeID())
	from.MustDo("CLUSTER", "SETSLOT", n, "MIGRATING", to.nodeID())
}

// EndMove moves the slot's keys and then the slot, after which from answers
// MOVED.
func (c *Cluster) EndMove(slot int, from, to *Server) {
	c.t.Helper()
	n := strconv.Itoa(slot)
	host, port, _ := net.SplitHostPort(to.addr)
	for {
		keys := from.MustDo("CLUSTER", "GETKEYSINSLOT", n, "100")
		if keys == "" {
			break
		}
		for _, key := range strings.Split(keys, "\n") {
			from.MustDo("MIGRATE", host, port, key, "0", "5000")
		}
	}
	to.MustDo("CLUSTER", "SETSLOT", n, "NODE", to.nodeID())
	from.MustDo("CLUSTER", "SETSLOT", n, "NODE", to.nodeID())
}

// WaitPromoted waits until a replica of the shard has become a master, after
// the shard was stopped, and returns it.
func (c *Cluster) WaitPromoted(shard int) *Server {
	c.t.Helper()
	var promoted *Server
	eventually(c.t, "a replica is promoted", func() bool {
		for _, replica := range c.Replicas[shard] {
			role, err := replica.Do("ROLE")
			info, err2 := replica.Do("CLUSTER", "INFO")
			if err == nil && err2 == nil && strings.HasPrefix(role, "master") && strings.Contains(info, "cluster_state:ok") {
				promoted = replica
				return true
			}
		}
		return false
	})
	return promoted
}

func startNode(t testing.TB, args []string) *Server {
	t.Helper()
	s := prepare(t, append([]string{
		"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
		"--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0",
	}, args...))
	s.listen(func(port string) []string { return []string{"--port", port} })
	return s
}

func (c *Cluster) nodes() []*Server {
	nodes := append([]*Server(nil), c.Shards...)
	for _, replicas := range c.Replicas {
		nodes = append(nodes, replicas...)
	}
	return nodes
}

func (c *Cluster) running() *Server {
	for _, node := range c.nodes() {
		if node.process != nil {
			return node
		}
	}
	c.t.Fatal("no node of the cluster runs")
	return nil
}

// wait waits until all nodes' CLUSTER INFO has these lines.
func (c *Cluster) wait(what string, lines ...string) {
	c.t.Helper()
	eventually(c.t, what, func() bool {
		for _, node := range c.nodes() {
			if node.process == nil {
				continue
			}
			info := node.MustDo("CLUSTER", "INFO")
			for _, line := range lines {
				if !strings.Contains(info, line+"\r\n") {
					return false
				}
			}
		}
		return true
	})
}

func (s *Server) nodeID() string {
	s.t.Helper()
	return s.MustDo("CLUSTER", "MYID")
}
