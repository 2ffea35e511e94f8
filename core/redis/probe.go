package redis

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirproxy/weir/core"
)

// Probe implements core.Store. In a Cluster it asks the shards that failed: the
// others answer all the time.
func (s *Store) Probe() error {
	keys := s.failures.list()
	if len(keys) == 0 {
		keys = []string{core.Key(s.probe, "probe")}
	}
	for _, key := range keys {
		if err := s.probeKey(key); err != nil {
			return err
		}
	}
	s.failures.forget()
	return nil
}

// warmKeys are spread over the slots so that each of up to eight shards has one.
const warmKeys = 16

// Warm connects to the server, to each shard in a Cluster, and makes the script
// known there. It charges nothing. Each call takes no longer than a decision.
func (s *Store) Warm() error {
	keys := 1
	if s.runner.Sharded() {
		keys = warmKeys
	}
	for i := 0; i < keys; i++ {
		hits := []core.Hit{{Limit: s.probe, Identity: strconv.Itoa(i)}}
		if err := s.Peek(time.Now(), hits); err != nil {
			return err
		}
	}
	return nil
}

// probeKey charges a key that nobody is counted by.
func (s *Store) probeKey(key string) error {
	args := []string{core.Parameters(s.probe, 1)}
	if s.clock != nil {
		args = withMode(s, args, "take")
	}
	reply, err := s.runner.Run(time.Now().Add(s.timeout), takeScript, []string{key}, args)
	if err != nil {
		return err
	}
	return read(reply, true, []core.Hit{{Limit: s.probe, Cost: 1}})
}

// maxFailures is how many failed keys are remembered: enough to have one of each
// shard that is lost among them, few enough to be asked in turn.
const maxFailures = 16

// failures are the latest keys that could not be decided, each as a key of the
// probe's own on the same shard.
type failures struct {
	mu   sync.Mutex
	keys []string
}

// failed notes where a decision failed, and returns why.
func failed(s *Store, key string, err error) error {
	if s.runner.Sharded() {
		s.failures.add(key[:strings.LastIndexByte(key, ':')] + ":probe")
	}
	return err
}

func (f *failures) add(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, known := range f.keys {
		if known == key {
			return
		}
	}
	if len(f.keys) == maxFailures {
		f.keys = f.keys[1:]
	}
	f.keys = append(f.keys, key)
}

func (f *failures) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.keys...)
}

func (f *failures) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = nil
}
