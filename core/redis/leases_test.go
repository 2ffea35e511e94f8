package redis_test

import (
	"testing"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/core/storetest"
)

func TestLeasesKeepTheirBound(t *testing.T) {
	server := redistest.Start(t)
	for name, newRunner := range runners {
		t.Run(name, func(t *testing.T) {
			storetest.RunLeases(t, harness(t, open(t, newRunner, server.Addr()), nil), 8)
		})
	}
}

// Where limits are on several shards, what one has charged is given back in the
// background: never is one too many let through all the same.
func TestLeasesKeepTheirBoundOnCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, 0)
	storetest.RunLeases(t, harness(t, open(t, runners["go-redis"], cluster.Addrs()...), nil), 4)
}
