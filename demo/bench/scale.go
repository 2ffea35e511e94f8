package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/goredis"
	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/demo/proxy"
)

// mostLimits is how many limits are in a decision at most.
const mostLimits = 8

// crowd is how many decide at once where many do.
const crowd = 64

// curve is what something costs while something else grows.
type curve struct {
	plot, panel, series string
	points              []*point
}

// point is the cost at x, which is measured once in each round.
type point struct {
	x       int
	measure func(ctx context.Context, lasts time.Duration) (float64, error)
	rounds  []float64
}

// measureScale measures what grows with the limits in a decision, with the
// clients that are counted, and with the routers of Traefik.
func measureScale(ctx context.Context, o options, w io.Writer) error {
	server, err := proxy.StartRedis(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	client, err := goredis.New(redis.Options{Addresses: []string{server.Address}})
	if err != nil {
		return err
	}
	defer client.Close()
	inRedis, err := redis.New(client, core.DefaultPrefix, patience)
	if err != nil {
		return err
	}
	inMemory := memory.New(2 * (mostLimits + 2*o.clients))
	defer inMemory.Close()
	var curves []*curve
	for _, s := range []struct {
		series, panel string
		store         core.Store
		callers       int
	}{
		{"one at a time", "in memory, µs a decision", inMemory, 1},
		{"one at a time", "in Redis, µs a decision", inRedis, 1},
		{fmt.Sprintf("%d at once", crowd), "in Redis, µs a decision", inRedis, crowd},
	} {
		limits := &curve{plot: "limits", panel: s.panel, series: s.series}
		if err := limits.ofLimits(s.store, s.callers); err != nil {
			return err
		}
		clients := &curve{plot: "clients", panel: s.panel, series: s.series}
		err := clients.ofClients(s.store, s.callers, o.clients)
		if err != nil {
			return err
		}
		curves = append(curves, limits, clients)
	}
	routers, stop, err := routerCurves(ctx, o)
	defer stop()
	if err != nil {
		return err
	}
	curves = append(curves, routers...)
	for round := range o.rounds {
		for i := range curves {
			if err := curves[(round+i)%len(curves)].measure(ctx, o.duration, round); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(w, "What grows, %d rounds of %s for each figure, %d cores. Medians over the rounds; the ratio of the last to the first is taken in each round.\n",
		o.rounds, o.duration, runtime.NumCPU())
	writeCurves(w, curves)
	if o.data == "" {
		return nil
	}
	return os.WriteFile(o.data, csvOf(curves), 0o644)
}

func (c *curve) add(x int, measure func(context.Context, time.Duration) (float64, error)) {
	c.points = append(c.points, &point{x: x, measure: measure})
}

// measure lets each point have its turn, in every round another one first.
func (c *curve) measure(ctx context.Context, lasts time.Duration, round int) error {
	for i := range c.points {
		p := c.points[(round+i)%len(c.points)]
		value, err := p.measure(ctx, lasts)
		if err != nil {
			return fmt.Errorf("%s, %s, %d: %w", c.plot, c.series, p.x, err)
		}
		p.rounds = append(p.rounds, value)
	}
	return nil
}

// ofLimits makes points of decisions of one limit, of two, and so on.
func (c *curve) ofLimits(store core.Store, callers int) error {
	for n := 1; n <= mostLimits; n *= 2 {
		var limits []*core.Limit
		for i := range n {
			limit, err := scaleLimit(fmt.Sprintf("limit-%d", i))
			if err != nil {
				return err
			}
			limits = append(limits, limit)
		}
		c.add(n, func(ctx context.Context, lasts time.Duration) (float64, error) {
			return micros(perSecond(ctx, callers, lasts, func() func(time.Time) error {
				hits := make([]core.Hit, n)
				for i := range hits {
					hits[i] = core.Hit{Limit: limits[i], Cost: 1}
				}
				return func(now time.Time) error {
					client := strconv.Itoa(rand.IntN(keys))
					for i := range hits {
						hits[i].Identity = client
					}
					return store.Take(now, hits)
				}
			}))
		})
	}
	return nil
}

// ofClients makes points of decisions for one of so many clients, all of whom are
// known.
func (c *curve) ofClients(store core.Store, callers, most int) error {
	for n := 1; n <= most; n *= 10 {
		limit, err := scaleLimit(fmt.Sprintf("clients-%d", n))
		if err != nil {
			return err
		}
		// The first round's visits are not measured.
		var known sync.Once
		var visited error
		c.add(n, func(ctx context.Context, lasts time.Duration) (float64, error) {
			known.Do(func() { visited = visitAll(ctx, store, limit, n) })
			if visited != nil {
				return 0, visited
			}
			return micros(perSecond(ctx, callers, lasts, func() func(time.Time) error {
				hits := []core.Hit{{Limit: limit, Cost: 1}}
				return func(now time.Time) error {
					hits[0].Identity = strconv.Itoa(rand.IntN(n))
					return store.Take(now, hits)
				}
			}))
		})
	}
	return nil
}

// visitAll makes one request of each client.
func visitAll(ctx context.Context, store core.Store, limit *core.Limit, clients int) error {
	failed := make([]error, crowd)
	var all sync.WaitGroup
	for first := range crowd {
		all.Go(func() {
			hits := []core.Hit{{Limit: limit, Cost: 1}}
			for i := first; i < clients && failed[first] == nil; i += crowd {
				hits[0].Identity = strconv.Itoa(i)
				if failed[first] = store.Take(time.Now(), hits); failed[first] == nil {
					failed[first] = ctx.Err()
				}
			}
		})
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// scaleLimit is a limit by the default algorithm that nothing here reaches, and
// whose keys stay.
func scaleLimit(name string) (*core.Limit, error) {
	limits, err := core.Spec{Name: name, Rate: "1000000000/1h"}.Limits(core.DefaultPrefix)
	if err != nil {
		return nil, err
	}
	return limits[0], nil
}

// micros is how long one takes, of so many in a second, in µs.
func micros(perSecond float64, err error) (float64, error) { return 1e6 / perSecond, err }
