package caddymodule

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirproxy/weir/core"
)

// The metrics live as long as the process and are registered anew with each
// configuration's registry, so that counters go on over reloads. No label has a
// value that comes from a client.
var (
	decisionsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "caddy_weir_decisions_total",
		Help: "Requests that a limit was asked about, by what the limit said of them.",
	}, []string{"limit", "outcome"})

	storeSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "caddy_weir_store_seconds",
		Help:    "Time that decisions spent on the store.",
		Buckets: []float64{.000005, .00001, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1},
	}, []string{"store"})

	storeErrorsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "caddy_weir_store_errors_total",
		Help: "Decisions that the store did not make.",
	}, []string{"store"})

	memoryKeys = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "caddy_weir_memory_keys",
		Help: "Keys that are counted in the memory of this process.",
	}, countMemoryKeys)
)

func collectors() []prometheus.Collector {
	return []prometheus.Collector{decisionsTotal, storeSeconds, storeErrorsTotal, memoryKeys, fallback{}}
}

func registerMetrics(registry prometheus.Registerer) error {
	for _, collector := range collectors() {
		err := registry.Register(collector)
		var already prometheus.AlreadyRegisteredError
		if err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}

// forgetMetrics removes the metrics of limits that were in the app and are in no
// other that runs.
func forgetMetrics(stopped *App) {
	kept := map[string]bool{}
	if app := current(); app != nil {
		app.each(func(_ *Handler, _ *rule, limit *core.Limit) { kept[limit.Name] = true })
	}
	stopped.each(func(_ *Handler, _ *rule, limit *core.Limit) {
		if !kept[limit.Name] {
			decisionsTotal.DeletePartialMatch(prometheus.Labels{"limit": limit.Name})
		}
	})
}

func countMemoryKeys() float64 {
	keys := 0
	memories.Range(func(_, value any) bool {
		keys += value.(*sharedMemory).Len()
		return true
	})
	return float64(keys)
}

// fallback collects which stores are lost at the moment.
type fallback struct{}

var fallbackDesc = prometheus.NewDesc("caddy_weir_fallback",
	"Whether the store is lost and requests are decided as on_error says: 1 or 0.", []string{"store"}, nil)

// Describe implements prometheus.Collector.
func (fallback) Describe(descs chan<- *prometheus.Desc) { descs <- fallbackDesc }

// Collect implements prometheus.Collector.
func (fallback) Collect(metrics chan<- prometheus.Metric) {
	lost := map[string]float64{}
	stores.Range(func(_, value any) bool {
		store := value.(*sharedStore)
		if store.breaker.Open() {
			lost[store.name] = 1
		} else {
			lost[store.name] += 0
		}
		return true
	})
	for name, value := range lost {
		metrics <- prometheus.MustNewConstMetric(fallbackDesc, prometheus.GaugeValue, value, name)
	}
}

// outcome is what one limit said of one request.
type outcome int

const (
	allowed outcome = iota
	delayed
	denied
	wouldDeny
	outcomeCount
)

var outcomeNames = [outcomeCount]string{"allowed", "delayed", "denied", "would_deny"}

// outcomeOf is the limit's own word on a request, whatever the others said. A
// decision without a store is no limit's own.
func outcomeOf(hit *core.Hit, d core.Decision) outcome {
	unasked := d.Degraded && d.Hit < 0
	switch {
	case unasked && d.Allowed:
		return allowed
	case unasked:
		return denied
	case hit.Result.Allowed && hit.Result.Delay > 0 && !hit.Limit.DryRun:
		return delayed
	case hit.Result.Allowed:
		return allowed
	case hit.Limit.DryRun:
		return wouldDeny
	}
	return denied
}

// tally counts the decisions of a handler's limits.
type tally map[*core.Limit]*[outcomeCount]prometheus.Counter

func newTally(rules []*rule) tally {
	t := tally{}
	for _, rule := range rules {
		for _, limit := range rule.limits {
			counters := new([outcomeCount]prometheus.Counter)
			for i, name := range outcomeNames {
				counters[i] = decisionsTotal.WithLabelValues(limit.Name, name)
			}
			t[limit] = counters
		}
	}
	return t
}

func (t tally) count(hits []core.Hit, d core.Decision) {
	if t == nil {
		return
	}
	for i := range hits {
		t[hits[i].Limit][outcomeOf(&hits[i], d)].Inc()
	}
}

// timed is a store whose decisions are measured.
type timed struct {
	core.Store
	seconds prometheus.Observer
	errors  prometheus.Counter
}

func newTimed(store core.Store, name string) timed {
	return timed{store, storeSeconds.WithLabelValues(name), storeErrorsTotal.WithLabelValues(name)}
}

// Take implements core.Store.
func (t timed) Take(now time.Time, hits []core.Hit) error {
	start := time.Now()
	err := t.Store.Take(now, hits)
	t.seconds.Observe(time.Since(start).Seconds())
	if err != nil {
		t.errors.Inc()
	}
	return err
}
