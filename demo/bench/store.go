package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/goredis"
	"github.com/weirproxy/weir/core/redis"
	"github.com/weirproxy/weir/demo/proxy"
)

const (
	// keys is how many clients are counted, each in a key of its own.
	keys = 1000

	// pipeline is how many commands redis-benchmark sends without waiting, where
	// it does not wait for each.
	pipeline = 32

	// identity is a client's as redis-benchmark writes it: it puts a random
	// number of twelve digits here.
	identity = "__rand_int__"
)

// callers is how many decide at once, or ask as redis-benchmark's clients.
var callers = []int{1, 8, 64}

// asker is who asks the same Redis the same, and how often in each round.
type asker struct {
	name      string
	callers   int
	perSecond func(ctx context.Context, lasts time.Duration) (float64, error)
	rounds    []float64
}

// measureStore measures decisions of the compiled store in a real Redis, beside
// what redis-benchmark gets of the same script there.
func measureStore(ctx context.Context, o options, w io.Writer) error {
	benchmark, err := exec.LookPath("redis-benchmark")
	if err != nil {
		return fmt.Errorf("%w; apt install redis-tools, or brew install redis", err)
	}
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
	limits, err := core.Spec{Name: "bench", Rate: caddyAllows, Algorithm: "token-bucket"}.Limits(core.DefaultPrefix)
	if err != nil {
		return err
	}
	seen := &witness{Runner: client}
	if err := decide(seen, limits[0], identity); err != nil {
		return err
	}
	script := &rawScript{binary: benchmark, address: server.Address, command: seen.command}

	var ours, theirs []*asker
	for _, n := range callers {
		ours = append(ours, &asker{name: "weir", callers: n, perSecond: func(ctx context.Context, lasts time.Duration) (float64, error) {
			return decisions(ctx, client, limits[0], n, lasts)
		}})
		theirs = append(theirs, &asker{name: "redis-benchmark", callers: n, perSecond: func(ctx context.Context, lasts time.Duration) (float64, error) {
			return script.run(ctx, n, 1, lasts)
		}})
	}
	most := callers[len(callers)-1]
	piped := &asker{name: fmt.Sprintf("redis-benchmark, pipelines of %d", pipeline), callers: most, perSecond: func(ctx context.Context, lasts time.Duration) (float64, error) {
		return script.run(ctx, most, pipeline, lasts)
	}}
	all := append(append(append([]*asker{}, ours...), theirs...), piped)
	for round := range o.rounds {
		for i := range all {
			a := all[(round+i)%len(all)]
			n, err := a.perSecond(ctx, o.duration)
			if err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
			a.rounds = append(a.rounds, n)
		}
	}
	fmt.Fprintf(w, "Decisions by a token bucket for %d clients in one Redis, %d rounds of %s each, %d cores, which Redis shares with those who ask.\n"+
		"Medians over the rounds; ratios are taken in each round.\n\n", keys, o.rounds, o.duration, runtime.NumCPU())
	fmt.Fprintf(w, "| Redis is asked by | at once | decisions/s | ÷ redis-benchmark, as many at once | ÷ redis-benchmark, pipelines of %d |\n|---|--:|--:|--:|--:|\n", pipeline)
	for i, a := range all {
		beside := "–"
		if i < len(ours) {
			beside = fmt.Sprintf("%.2f", medianRatio(a.rounds, theirs[i].rounds))
		}
		fmt.Fprintf(w, "| %s | %d | %.0f | %s | %.2f |\n", a.name, a.callers, median(a.rounds), beside, medianRatio(a.rounds, piped.rounds))
	}
	return nil
}

func decide(runner redis.Runner, limit *core.Limit, client string) error {
	store, err := redis.New(runner, core.DefaultPrefix, patience)
	if err != nil {
		return err
	}
	return store.Take(time.Now(), []core.Hit{{Limit: limit, Identity: client, Cost: 1}})
}

// decisions is how many the store makes in a second for so many callers.
func decisions(ctx context.Context, runner redis.Runner, limit *core.Limit, callers int, lasts time.Duration) (float64, error) {
	store, err := redis.New(runner, core.DefaultPrefix, patience)
	if err != nil {
		return 0, err
	}
	clients := make([]string, keys)
	for i := range clients {
		clients[i] = fmt.Sprintf("%0*d", len(identity), i)
	}
	return perSecond(ctx, callers, lasts, func() func(time.Time) error {
		hits := []core.Hit{{Limit: limit, Cost: 1}}
		return func(now time.Time) error {
			hits[0].Identity = clients[rand.IntN(keys)]
			return store.Take(now, hits)
		}
	})
}

// witness remembers the command of a decision.
type witness struct {
	redis.Runner
	command []string
}

func (w *witness) Run(deadline time.Time, script *redis.Script, keys, args []string) (string, error) {
	w.command = append([]string{"EVALSHA", script.SHA, strconv.Itoa(len(keys))}, append(keys, args...)...)
	return w.Runner.Run(deadline, script, keys, args)
}

// rawScript is a command that redis-benchmark sends.
type rawScript struct {
	binary, address string
	command         []string
	perSecond       float64 // of the last run, by which the next is as long as told
}

// run sends the command from so many clients, each so often without waiting, for
// about as long as told, and returns how often a second.
func (s *rawScript) run(ctx context.Context, clients, pipeline int, lasts time.Duration) (float64, error) {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return 0, err
	}
	// redis-benchmark is told how often, not how long.
	const trial = 2000
	for _, n := range []int{trial, 0} {
		if n == 0 {
			n = max(trial, int(s.perSecond*lasts.Seconds()))
		}
		arguments := append([]string{"-h", host, "-p", port, "-c", strconv.Itoa(clients), "-P", strconv.Itoa(pipeline),
			"-n", strconv.Itoa(n), "-r", strconv.Itoa(keys), "--csv"}, s.command...)
		output, err := exec.CommandContext(ctx, s.binary, arguments...).Output()
		if err != nil {
			return 0, err
		}
		if s.perSecond, err = perSecondOf(output); err != nil {
			return 0, err
		}
	}
	return s.perSecond, nil
}

// perSecondOf reads the rate from what redis-benchmark --csv prints.
func perSecondOf(output []byte) (float64, error) {
	rows, err := csv.NewReader(bytes.NewReader(output)).ReadAll()
	if err != nil || len(rows) != 2 || len(rows[1]) < 2 || rows[0][1] != "rps" {
		return 0, fmt.Errorf("redis-benchmark printed %q, want a head with rps and a row", output)
	}
	return strconv.ParseFloat(rows[1][1], 64)
}
