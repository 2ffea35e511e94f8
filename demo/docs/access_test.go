package docs

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/goredis"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/core/resp"
)

// TestAccess: a user with the permissions in docs/redis.md may do all that weir
// does, and touch no other keys.
func TestAccess(t *testing.T) {
	line := regexp.MustCompile(`(?m)^ACL SETUSER .*$`).FindString(read(t, "docs/redis.md"))
	if line == "" {
		t.Fatal("docs/redis.md has no ACL SETUSER")
	}
	server := redistest.Start(t)
	server.MustDo(strings.Fields(line)...)
	for name, open := range map[string]func(redis.Options) (redis.Runner, error){
		"go-redis": func(o redis.Options) (redis.Runner, error) { return goredis.New(o) },
		"resp":     func(o redis.Options) (redis.Runner, error) { return resp.New(o) },
	} {
		t.Run(name, func(t *testing.T) {
			runner, err := open(redis.Options{Addresses: []string{server.Addr()}, Username: "limits", Password: "secret"})
			if err != nil {
				t.Fatal(err)
			}
			defer runner.Close()
			for _, algorithm := range []string{"sliding-window", "sliding-log", "fixed-window", "token-bucket", "leaky-bucket"} {
				if err := everything(runner, "weir", algorithm); err != nil {
					t.Errorf("%s: %v", algorithm, err)
				}
			}
			if err := everything(runner, "other", "fixed-window"); err == nil {
				t.Error("keys of another prefix can be touched")
			}
		})
	}
}

// everything does what a store can, with a limit of the algorithm.
func everything(runner redis.Runner, prefix, algorithm string) error {
	store, err := redis.New(runner, prefix, 10*time.Second)
	if err != nil {
		return err
	}
	limits, err := core.Spec{Name: "access", Rate: "100/1m", Algorithm: algorithm}.Limits(prefix)
	if err != nil {
		return err
	}
	hits := []core.Hit{{Limit: limits[0], Identity: "203.0.113.7", Cost: 1}}
	for _, do := range []func(time.Time) error{
		func(now time.Time) error { return store.Take(now, hits) },
		func(now time.Time) error { return store.Refund(now, hits) },
		func(now time.Time) error { return store.Peek(now, hits) },
		func(now time.Time) error { return store.Block(now, limits[0], hits[0].Identity, time.Minute) },
		func(time.Time) error { return store.Reset(limits[0], hits[0].Identity) },
	} {
		if err := do(time.Now()); err != nil {
			return err
		}
	}
	return nil
}
