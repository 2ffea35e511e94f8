package redis

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

// actor is a Runner that plays the server: each call is told to it and waits for
// what it answers.
type actor struct {
	calls   chan call
	sharded bool
}

type call struct {
	deadline time.Time
	script   *Script
	keys     []string
	args     []string
	answer   func(reply string, err error)
}

func newActor(sharded bool) *actor { return &actor{calls: make(chan call), sharded: sharded} }

func (a *actor) Run(deadline time.Time, script *Script, keys, args []string) (string, error) {
	type result struct {
		reply string
		err   error
	}
	done := make(chan result)
	a.calls <- call{deadline, script, keys, args, func(reply string, err error) { done <- result{reply, err} }}
	r := <-done
	return r.reply, r.err
}

func (a *actor) Sharded() bool { return a.sharded }
func (a *actor) Close() error  { return nil }

func testHits(t testing.TB, algorithms ...core.Algorithm) []core.Hit {
	t.Helper()
	var hits []core.Hit
	for i, a := range algorithms {
		limits, err := core.Spec{Name: string(rune('a' + i)), Rate: "10/1m", Algorithm: a.String()}.Limits("weir")
		if err != nil {
			t.Fatal(err)
		}
		hits = append(hits, core.Hit{Limit: limits[0], Identity: "x", Cost: 1})
	}
	return hits
}

// take asks the store in the background; the test plays the server meanwhile.
func take(t *testing.T, s *Store, hits []core.Hit) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.Take(time.Now(), hits) }()
	return done
}

// In a Cluster, what was charged before another limit denied is given back, and
// those after it are only looked at.
func TestShardedDenial(t *testing.T) {
	server := newActor(true)
	s, err := New(server, "weir", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	hits := testHits(t, core.FixedWindow, core.FixedWindow, core.FixedWindow)
	done := take(t, s, hits)

	first := <-server.calls
	if first.keys[0] != "weir:{a:x}:fw" || len(first.keys) != 1 || len(first.args) != 1 {
		t.Errorf("first %v %v", first.keys, first.args)
	}
	first.answer("1000 1 500 1 0", nil)
	second := <-server.calls
	second.answer("1000 0 600 10 0", nil)
	// The refund and the look at the third go on at once.
	for i := 0; i < 2; i++ {
		c := <-server.calls
		if c.script == refundScript {
			if c.keys[0] != "weir:{a:x}:fw" || len(c.keys) != 1 || c.args[0] != "fw 500 1 60000000 0" {
				t.Errorf("refund %v %v", c.keys, c.args)
			}
			c.answer("ok", nil)
			continue
		}
		if c.keys[0] != "weir:{c:x}:fw" || c.args[1] != "peek" {
			t.Errorf("third %v %v", c.keys, c.args)
		}
		c.answer("1000 1 700 0 0", nil)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !hits[0].Result.Allowed || hits[1].Result.Allowed || !hits[2].Result.Allowed {
		t.Errorf("got %+v", hits)
	}
	for i := range hits {
		if hits[i].Result.Charged {
			t.Errorf("hit %d is charged", i)
		}
		if want := []int64{10, 0, 10}[i]; hits[i].Result.Remaining != want {
			t.Errorf("hit %d has %d left, want %d", i, hits[i].Result.Remaining, want)
		}
	}
}

// What was charged on one shard is given back when another does not answer.
func TestShardedFailure(t *testing.T) {
	server := newActor(true)
	s, err := New(server, "weir", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the shard is gone")
	done := take(t, s, testHits(t, core.TokenBucket, core.FixedWindow))
	(<-server.calls).answer("1000 1 1000 6000000 0", nil)
	(<-server.calls).answer("", gone)
	refund := <-server.calls
	if refund.script != refundScript || refund.args[0] != "tb 6001000 1 60000000 6000000" {
		t.Errorf("refund %v", refund.args)
	}
	refund.answer("ok", nil)
	if err := <-done; err != gone {
		t.Errorf("got %v", err)
	}
}

// In a Cluster a probe asks where decisions failed, with keys of its own.
func TestShardedProbe(t *testing.T) {
	server := newActor(true)
	s, err := New(server, "weir", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the shard is gone")
	probe := func() <-chan error {
		done := make(chan error, 1)
		go func() { done <- s.Probe() }()
		return done
	}
	answer := func(key, reply string, err error) {
		t.Helper()
		c := <-server.calls
		if c.keys[0] != key {
			t.Errorf("asked for %s, want %s", c.keys[0], key)
		}
		c.answer(reply, err)
	}
	const fine = "1000 1 1000 1 0"
	done := probe()
	answer("weir:{probe:probe}:fw", fine, nil)
	if err := <-done; err != nil {
		t.Error(err)
	}
	hits := testHits(t, core.TokenBucket, core.SlidingLog)
	for i := range hits {
		done = take(t, s, hits[i:i+1])
		answer(core.Key(hits[i].Limit, "x"), "", gone)
		if err := <-done; err != gone {
			t.Errorf("got %v", err)
		}
	}
	done = probe()
	answer("weir:{a:x}:probe", fine, nil)
	answer("weir:{b:x}:probe", "", gone)
	if err := <-done; err != gone {
		t.Errorf("one of two: %v", err)
	}
	done = probe()
	answer("weir:{a:x}:probe", fine, nil)
	answer("weir:{b:x}:probe", fine, nil)
	if err := <-done; err != nil {
		t.Error(err)
	}
	done = probe()
	answer("weir:{probe:probe}:fw", "OK", nil)
	if err := <-done; err == nil {
		t.Error("what is no answer to the script passes for one")
	}
}

func TestFailuresAreBounded(t *testing.T) {
	f := &failures{}
	for i := 0; i < 100; i++ {
		f.add(strconv.Itoa(i / 2))
	}
	keys := f.list()
	if len(keys) != maxFailures || keys[0] != "34" || keys[maxFailures-1] != "49" {
		t.Errorf("got %q", keys)
	}
}

// Each call has the store's timeout, and only the hits' own keys.
func TestTimeout(t *testing.T) {
	server := newActor(false)
	s, err := New(server, "weir", 0)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	done := take(t, s, testHits(t, core.SlidingWindow, core.SlidingLog))
	c := <-server.calls
	if left := c.deadline.Sub(begin); left < DefaultTimeout || left > DefaultTimeout+10*time.Second {
		t.Errorf("a deadline in %v", left)
	}
	if strings.Join(c.keys, " ") != "weir:{a:x}:sw weir:{b:x}:sl" || len(c.args) != 2 {
		t.Errorf("%v %v", c.keys, c.args)
	}
	c.answer("", errors.New("too late"))
	if err := <-done; err == nil {
		t.Error("no error")
	}
}

func TestBadReplies(t *testing.T) {
	for _, reply := range []string{
		"", "OK", "1000", "1000 1 2 3", "1000 1 2 3 4 5", "x 1 2 3 4", "1000 1 x 3 4", "1000 1 2 x 4", "1000 1 2 3 x",
		"1000 1 2 3.5 4", strings.Repeat("secret ", 100),
	} {
		err := read(reply, true, testHits(t, core.FixedWindow))
		if _, ok := err.(ServerError); !ok || len(err.Error()) > 200 {
			t.Errorf("%q: %v", reply, err)
		}
	}
}

// Whatever a server answers, a decision is sane or an error.
func FuzzRead(f *testing.F) {
	f.Add("1700000000000000 1 1700000000000000 1 0 1 1700000000000000 0.5 0", uint8(2))
	f.Add("1 2 9 0 0 0 -1 1e300 -1", uint8(4))
	f.Add("9223372036854775807 1 -9223372036854775808 NaN 0", uint8(3))
	// Counts by which a loop of microsecond steps would take hours.
	f.Add("0 0 0 3333333333333333333333333333330 0 1 1 0 1", uint8('Y'))
	f.Add("0 0 0 999999999999999999 999999999999999999", uint8(0))
	f.Fuzz(func(t *testing.T, reply string, algorithm uint8) {
		all := core.Algorithms()
		hits := testHits(t, all[int(algorithm)%len(all)])
		if strings.Count(reply, " ") > 4 {
			hits = append(hits, testHits(t, core.SlidingWindow)[0])
		}
		if err := read(reply, true, hits); err != nil {
			if _, ok := err.(ServerError); !ok {
				t.Errorf("%q: %T", reply, err)
			}
		}
	})
}
