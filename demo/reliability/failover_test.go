package reliability

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redistest"
)

// A budget is used up within a phase and not given back: whatever comes through
// beyond it is what the servers forgot.
const budget = 300

// What servers may forget.
const (
	// inFlight is what a master may die with before its replica has it: what
	// comes in a tenth of a second.
	inFlight = 2 * each / 10

	// inGoodOrder is what proxies tell the old master, which Sentinels leave alone
	// for some seconds: one until Sentinels name another, and one until the proxy
	// has asked them.
	inGoodOrder = 2 * 2 * each
)

// phase is one failover under load.
type phase struct {
	name    string
	clients []string
	// begin makes it happen and returns when the servers can decide again.
	begin func()
	// keeps says that no server stops deciding.
	keeps bool
	// forgets is how much the servers may forget.
	forgets int
	// owner is the server that has the key in the end.
	owner func(key string) *redistest.Server
}

func TestSentinelFailover(t *testing.T) {
	servers := redistest.StartSentinel(t)
	lab := start(t, shared("sentinel", servers.Addrs(), servers.Name, budget))
	table := failovers()
	master := func(string) *redistest.Server { return servers.Master() }
	for _, p := range []phase{
		{name: "Sentinels, in good order", clients: []string{"order"}, forgets: inGoodOrder, begin: func() { servers.Failover() }, owner: master},
		{name: "Sentinels, master killed", clients: []string{"killed"}, forgets: inFlight, owner: master, begin: func() {
			old := servers.Master()
			old.Stop()
			servers.WaitPromoted(old)
		}},
	} {
		t.Run(p.name, func(t *testing.T) { p.run(t, lab, budget, table) })
	}
	table.print(t)
}

func TestCluster(t *testing.T) {
	const clients = 20
	cluster := redistest.StartCluster(t, 3, 1, "--cluster-require-full-coverage", "no")
	lab := start(t, shared("cluster", cluster.Addrs(), "", budget/clients))
	table := failovers()
	var lost *redistest.Server
	for _, p := range []phase{
		{name: "Cluster, resharded", keeps: true, clients: many("moved", clients), begin: func() {
			for _, client := range many("moved", clients) {
				reshard(cluster, storedAs("cluster-"+denyRoute, client))
			}
		}},
		{name: "Cluster, master killed", forgets: inFlight, clients: many("killed", clients), begin: func() {
			cluster.Shards[0].Stop()
			lost = cluster.WaitPromoted(0)
		}},
		{name: "Cluster, shard lost for 2 s", forgets: budget, clients: many("lost", clients), begin: func() {
			lost.Stop()
			time.Sleep(2 * time.Second)
			lost.Restart()
			for !strings.Contains(lost.MustDo("CLUSTER", "INFO"), "cluster_state:ok") {
				time.Sleep(10 * time.Millisecond)
			}
		}},
	} {
		p.owner = cluster.Owner
		t.Run(p.name, func(t *testing.T) { p.run(t, lab, budget/clients, table) })
	}
	table.print(t)
}

// reshard moves the key's slot to another shard while it is in use.
func reshard(cluster *redistest.Cluster, key string) {
	from, to := cluster.Owner(key), cluster.Shards[0]
	if from == to {
		to = cluster.Shards[1]
	}
	slot := cluster.Slot(key)
	cluster.BeginMove(slot, from, to)
	time.Sleep(50 * time.Millisecond)
	cluster.EndMove(slot, from, to)
}

func failovers() *table {
	return newTable("what happens", "failed", "longest answer", "store away", "back after", "forgotten", "too many", "lines")
}

func shared(name string, addresses []string, master string, budget int) place {
	p := place{
		name:    name,
		traefik: fmt.Sprintf("{address: %q", strings.Join(addresses, ",")),
		caddy:   strings.Join(addresses, " "),
		limit:   fmt.Sprintf("algorithm: fixed-window, rate: %d/1d", budget),
	}
	if master != "" {
		p.traefik += ", master: " + master
		p.caddy += " {\nmaster " + master + "\n}"
	}
	p.traefik += "}"
	return p
}

func many(name string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, name+strconv.Itoa(i))
	}
	return names
}

// storedAs is the key of a client under a limit.
func storedAs(limit, client string) string {
	return "weir:{" + limit + ":" + core.HashIdentity(client) + "}:fw"
}

func (p phase) run(t *testing.T, lab *lab, budget int, table *table) {
	place := lab.places[0]
	before := lab.told()
	load := startLoad(t, lab.streams(place), each, p.clients...)
	load.until(700 * time.Millisecond)
	began := load.now()
	p.begin()
	returned := load.now()
	load.until(returned + back + time.Second)
	load.end()
	end := load.now()

	failed := checkFailed(t, load)
	times := measureTimes(lab, load, before, began, returned)
	quiet := times.judged(t)
	switch {
	case !quiet:
	case p.keeps:
		times.check(t, 0, 0)
		if times.away > 0 {
			t.Error("some requests found no store")
		}
	default:
		times.check(t, 0, 1)
	}
	forgotten, beyond := 0, 0
	for _, client := range p.clients {
		admitted := len(load.those(0, end, func(a answer) bool { return a.route == denyRoute && a.client == client && a.status == 200 }))
		beyond += max(0, admitted-budget)
		forgotten += admitted - used(t, p.owner, storedAs(place.name+"-"+denyRoute, client))
	}
	if quiet && forgotten > p.forgets || beyond > max(0, forgotten) {
		t.Errorf("%d came through beyond the limit; the servers forgot %d, want at most %d", beyond, forgotten, p.forgets)
	}
	table.row(p.name, failed, millis(times.longest), millis(times.away), millis(times.recovery), forgotten, beyond, times.said)
}

// used is what a window's counter says.
func used(t *testing.T, owner func(string) *redistest.Server, key string) int {
	t.Helper()
	server := owner(key)
	if server == nil {
		t.Fatalf("no server has %s", key)
	}
	fields := strings.Fields(server.MustDo("GET", key))
	if len(fields) != 3 {
		return 0
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return n
}
