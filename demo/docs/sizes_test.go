package docs

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/goredis"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/redistest"
)

// TestSizes measures what docs/redis.md says of memory.
func TestSizes(t *testing.T) {
	server := redistest.Start(t)
	runner, err := goredis.New(redis.Options{Addresses: []string{server.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer runner.Close()
	store, err := redis.New(runner, "weir", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "docs/redis.md")
	for _, test := range []struct {
		algorithm string
		requests  int64
	}{
		{"fixed-window", 100}, {"sliding-window", 100}, {"token-bucket", 100}, {"leaky-bucket", 1},
		{"sliding-log", 10}, {"sliding-log", 100}, {"sliding-log", 1000}, {"sliding-log", 10000},
	} {
		limits, err := core.Spec{Name: "per-client", Rate: fmt.Sprintf("%d/1m", test.requests), Algorithm: test.algorithm}.Limits("weir")
		if err != nil {
			t.Fatal(err)
		}
		// As many calls as there are requests, so that each has a time of its own.
		hits := []core.Hit{{Limit: limits[0], Identity: "203.0.113.7", Cost: 1}}
		for range test.requests {
			if err := store.Take(time.Now(), hits); err != nil {
				t.Fatal(err)
			}
		}
		key := core.Key(limits[0], "203.0.113.7")
		got, err := strconv.ParseFloat(server.MustDo("MEMORY", "USAGE", key, "SAMPLES", "0"), 64)
		if err != nil {
			t.Fatal(err)
		}
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| .%s.(?:, %d requests)? \|[^|]*\|[^|]*\| ([\d,]+) \|$`, test.algorithm, test.requests)).FindStringSubmatch(text)
		if row == nil {
			t.Errorf("docs/redis.md has no size of %s, %d requests, which is %.0f", test.algorithm, test.requests, got)
			continue
		}
		said, err := strconv.ParseFloat(regexp.MustCompile(",").ReplaceAllString(row[1], ""), 64)
		if err != nil {
			t.Fatal(err)
		}
		// Servers of other versions lay memory out otherwise.
		if math.Abs(got-said) > 0.35*said {
			t.Errorf("%s, %d requests: %.0f bytes, docs/redis.md says %.0f", test.algorithm, test.requests, got, said)
		}
		server.MustDo("DEL", key)
	}
}
