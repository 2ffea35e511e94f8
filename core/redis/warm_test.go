package redis_test

import (
	"strings"
	"testing"

	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

// A warm store has a connection to each server, which knows the script, and has
// left nothing there.
func TestWarm(t *testing.T) {
	for name, newRunner := range runners {
		single, cluster := redistest.Start(t), redistest.StartCluster(t, 3, 0)
		for shape, servers := range map[string][]*redistest.Server{"single": {single}, "cluster": cluster.Shards} {
			t.Run(name+"/"+shape, func(t *testing.T) {
				addresses := []string{single.Addr()}
				if shape == "cluster" {
					addresses = cluster.Addrs()
				}
				store, err := redis.New(open(t, newRunner, addresses...), "weir", soon)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if err := store.Warm(); err != nil {
						t.Fatal(err)
					}
				}
				for i, server := range servers {
					// A second would mean that the first was not known.
					if stats := server.MustDo("INFO", "commandstats"); !strings.Contains(stats, "cmdstat_eval:calls=1,") {
						t.Errorf("server %d ran:\n%s", i, stats)
					}
					if keys := server.MustDo("DBSIZE"); keys != "0" {
						t.Errorf("server %d has %s keys", i, keys)
					}
				}
			})
		}
	}
}
