// Package yaegitest runs what Traefik interprets through the suites that
// compiled stores pass.
package yaegitest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/traefik/yaegi/interp"
	"github.com/traefik/yaegi/stdlib"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/core/storetest"
	"github.com/weirproxy/weir/demo/checkout"
)

func TestMemory(t *testing.T) {
	p := load(t)
	storetest.Run(t, func(_ *testing.T, clock *storetest.Clock) storetest.Harness {
		p.openMemory(clock.Micros)
		return storetest.Harness{Store: p}
	})
}

func TestRedis(t *testing.T) {
	server := redistest.Start(t)
	testRedis(t, []string{server.Addr()}, server.Life)
}

func TestRedisCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, 0)
	testRedis(t, cluster.Addrs(), func(key string) (time.Duration, bool) { return cluster.Owner(key).Life(key) })
}

func testRedis(t *testing.T, addresses []string, life func(string) (time.Duration, bool)) {
	p := load(t)
	clock := new(func() int64)
	if err := p.openRedis(addresses, func() int64 { return (*clock)() }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	storetest.Run(t, func(_ *testing.T, c *storetest.Clock) storetest.Harness {
		*clock = c.Micros
		return storetest.Harness{Store: p, Life: life, Real: true}
	})
}

// proxy is a core.Store that an interpreter keeps.
type proxy struct {
	openMemory func(func() int64)
	openRedis  func([]string, func() int64) error
	close      func()
	call       func(method, request string) (string, error)
}

// load interprets the store from the checkout's source, as Traefik does.
func load(t *testing.T) *proxy {
	t.Helper()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	goPath := t.TempDir()
	if err := checkout.CopyPlugin(root, goPath); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join("testdata", "storeproxy", "storeproxy.go"))
	if err == nil {
		err = os.MkdirAll(filepath.Join(goPath, "src", "storeproxy"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(goPath, "src", "storeproxy", "storeproxy.go"), source, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	interpreter := interp.New(interp.Options{GoPath: goPath})
	if err := interpreter.Use(stdlib.Symbols); err != nil {
		t.Fatal(err)
	}
	if _, err := interpreter.Eval(`import "storeproxy"`); err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	find(t, interpreter, "OpenMemory", &p.openMemory)
	find(t, interpreter, "OpenRedis", &p.openRedis)
	find(t, interpreter, "Close", &p.close)
	find(t, interpreter, "Call", &p.call)
	return p
}

func find[F any](t *testing.T, interpreter *interp.Interpreter, name string, f *F) {
	t.Helper()
	v, err := interpreter.Eval("storeproxy." + name)
	if err != nil {
		t.Fatal(err)
	}
	var ok bool
	if *f, ok = v.Interface().(F); !ok {
		t.Fatalf("%s is a %s", name, v.Type())
	}
}

func (p *proxy) Take(_ time.Time, hits []core.Hit) error   { return p.do("Take", hits, 0) }
func (p *proxy) Peek(_ time.Time, hits []core.Hit) error   { return p.do("Peek", hits, 0) }
func (p *proxy) Refund(_ time.Time, hits []core.Hit) error { return p.do("Refund", hits, 0) }
func (p *proxy) Probe() error                              { return p.do("Probe", nil, 0) }

func (p *proxy) Reset(l *core.Limit, identity string) error {
	return p.do("Reset", []core.Hit{{Limit: l, Identity: identity}}, 0)
}

func (p *proxy) Block(_ time.Time, l *core.Limit, identity string, d time.Duration) error {
	return p.do("Block", []core.Hit{{Limit: l, Identity: identity}}, d)
}

func (p *proxy) do(method string, hits []core.Hit, d time.Duration) error {
	type limit struct {
		Prefix, Name, Rate, Algorithm string
		Burst                         *int64
		MaxWait                       *time.Duration
		DryRun                        bool
	}
	type hit struct {
		Limit    limit
		Identity string
		Cost     int64
		Result   core.Result
	}
	request := struct {
		Hits []hit
		D    time.Duration
	}{D: d}
	for _, h := range hits {
		l := h.Limit
		prefix, _, _ := strings.Cut(core.Key(l, ""), ":{")
		spec := limit{Prefix: prefix, Name: l.Name, Rate: l.Rate.String(), Algorithm: l.Algorithm.String(), DryRun: l.DryRun}
		if l.Algorithm.Waits() {
			spec.Burst, spec.MaxWait = &l.Burst, &l.MaxWait
		}
		request.Hits = append(request.Hits, hit{spec, h.Identity, h.Cost, h.Result})
	}
	text, err := json.Marshal(request)
	if err != nil {
		return err
	}
	reply, err := p.call(method, string(text))
	if err != nil {
		return err
	}
	var results []core.Result
	if err := json.Unmarshal([]byte(reply), &results); err != nil {
		return err
	}
	for i := range results {
		hits[i].Result = results[i]
	}
	return nil
}
