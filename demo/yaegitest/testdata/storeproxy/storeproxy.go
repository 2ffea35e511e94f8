// Package storeproxy is interpreted: it keeps a store, and lets compiled code
// reach it through plain functions and JSON.
package storeproxy

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/core/resp"
)

// Limit is what a limit is made of.
type Limit struct {
	Prefix    string
	Name      string
	Rate      string
	Algorithm string
	Burst     *int64
	MaxWait   *time.Duration
	DryRun    bool
}

// Hit is a core.Hit, and what is made of it.
type Hit struct {
	Limit    Limit
	Identity string
	Cost     int64
	Result   core.Result
}

// Request is a call of one of the store's methods. D is the length of a block.
type Request struct {
	Hits []Hit
	D    time.Duration
}

var (
	store  core.Store
	runner *resp.Client
	now    func() time.Time
	mu     sync.Mutex
	limits = map[string]*core.Limit{}
)

// OpenMemory makes the store one in memory, by the clock given in microseconds.
func OpenMemory(clock func() int64) {
	store = memory.New(memory.DefaultMaxKeys)
	now = func() time.Time { return time.UnixMicro(clock()) }
}

// OpenRedis makes the store one in the Redis at these addresses.
func OpenRedis(addresses []string, clock func() int64) error {
	client, err := resp.New(redis.Options{Addresses: addresses})
	if err != nil {
		return err
	}
	s, err := redis.New(client, "storetest", 10*time.Second)
	if err != nil {
		return err
	}
	// One by one: Yaegi cannot assign to an interface beside others.
	store = s.WithClock(clock)
	runner = client
	now = time.Now
	return nil
}

// Close ends the connections.
func Close() {
	if runner != nil {
		runner.Close()
	}
}

// Call calls the method with a Request and returns the hits' Results.
func Call(method, request string) (string, error) {
	var r Request
	if err := json.Unmarshal([]byte(request), &r); err != nil {
		return "", err
	}
	hits := make([]core.Hit, len(r.Hits))
	for i := range r.Hits {
		h := &r.Hits[i]
		limit, err := limitOf(h.Limit)
		if err != nil {
			return "", err
		}
		hits[i] = core.Hit{Limit: limit, Identity: h.Identity, Cost: h.Cost, Result: h.Result}
	}
	if err := call(method, hits, r.D); err != nil {
		return "", err
	}
	results := make([]core.Result, len(hits))
	for i := range hits {
		results[i] = hits[i].Result
	}
	reply, err := json.Marshal(results)
	return string(reply), err
}

func call(method string, hits []core.Hit, d time.Duration) error {
	switch method {
	case "Take":
		return store.Take(now(), hits)
	case "Peek":
		return store.Peek(now(), hits)
	case "Refund":
		return store.Refund(now(), hits)
	case "Reset":
		return store.Reset(hits[0].Limit, hits[0].Identity)
	case "Block":
		return store.Block(now(), hits[0].Limit, hits[0].Identity, d)
	case "Probe":
		return store.Probe()
	}
	return fmt.Errorf("no method %s", method)
}

// limitOf makes a limit once: what it is made of is its key.
func limitOf(l Limit) (*core.Limit, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	if limit := limits[string(text)]; limit != nil {
		return limit, nil
	}
	spec := core.Spec{Name: l.Name, Rate: l.Rate, Algorithm: l.Algorithm, Burst: l.Burst, MaxWait: l.MaxWait, DryRun: l.DryRun}
	made, err := spec.Limits(l.Prefix)
	if err != nil {
		return nil, err
	}
	limits[string(text)] = made[0]
	return made[0], nil
}
