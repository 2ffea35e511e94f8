package reliability

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/proxy"
)

// TestSoak mixes all faults for as long as WEIR_SOAK says, half a minute by
// default: then both proxies are as small as before.
func TestSoak(t *testing.T) {
	length := 30 * time.Second
	if text := os.Getenv("WEIR_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("WEIR_SOAK: %q: want a duration such as 10m", text)
		}
	}
	server := startServer(t)
	wire := redistest.StartWire(t, server.Addr())
	places := []place{single("direct", server.Addr()), single("wire", wire.Addr())}
	site := upstream(t)
	// Traefik tells of its insides only while it debugs.
	lab := open(t, proxy.TraefikOptions{Dynamic: dynamic(places, site), Debug: true}, caddyfile(places, site))
	lab.places = places
	streams := append(lab.streams(lab.places[0]), lab.streams(lab.places[1])...)
	clients := many("soak", 1000)

	warm := startLoad(t, streams, each/2, clients...)
	warm.until(3 * time.Second)
	warm.end()
	before := lab.sizes(t)

	load := startLoad(t, streams, each/2, clients...)
	all, n := faults(), 0
	for load.now() < length {
		f := all[rand.IntN(len(all))]
		f.begin(server, wire)
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		f.end(server, wire)
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		n++
	}
	load.until(load.now() + back)
	load.end()
	after := lab.sizes(t)

	requests := load.those(0, load.now(), func(answer) bool { return true })
	failed := checkFailed(t, load)
	table := newTable("proxy", "goroutines", "open sockets", "heap")
	for i, name := range proxies {
		b, a := before[i], after[i]
		table.row(name, fmt.Sprintf("%d, then %d", b.goroutines, a.goroutines), fmt.Sprintf("%d, then %d", b.sockets, a.sockets),
			fmt.Sprintf("%.1f MB, then %.1f MB", b.heap, a.heap))
		// The pools keep connections for a while, each with a goroutine or two.
		const pools = 2 * 16
		if a.goroutines > b.goroutines+2*pools || a.sockets > b.sockets+pools || a.heap > b.heap+8 {
			t.Errorf("%s has grown: %+v, before %+v", name, a, b)
		}
	}
	t.Logf("%d requests and %d faults in %s, %d requests failed", len(requests), n, load.now().Round(time.Second), failed)
	table.print(t)
}

// size is what a proxy has of things that could leak.
type size struct {
	goroutines, sockets int
	heap                float64 // MB, after a collection
}

// sizes are those of both proxies, without connections of the load's.
func (l *lab) sizes(t *testing.T) [2]size {
	t.Helper()
	client.CloseIdleConnections()
	time.Sleep(time.Second)
	return [2]size{measure(t, l.traefik.URL, l.traefik.Pid()), measure(t, l.caddy.AdminURL, l.caddy.Pid())}
}

func measure(t *testing.T, url string, pid int) size {
	t.Helper()
	s := size{sockets: sockets(t, pid)}
	s.heap = float64(figure(t, url+"/debug/pprof/heap?gc=1&debug=1", `# HeapAlloc = (\d+)`)) / 1e6
	s.goroutines = figure(t, url+"/debug/pprof/goroutine?debug=1", `goroutine profile: total (\d+)`)
	return s
}

func figure(t *testing.T, url, pattern string) int {
	t.Helper()
	got, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(pattern).FindSubmatch(body)
	if match == nil {
		t.Fatalf("%s: %d, no %s", url, got.StatusCode, pattern)
	}
	n, err := strconv.Atoi(string(match[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sockets is how many the process has open, 0 where the system does not tell.
func sockets(t *testing.T, pid int) int {
	t.Helper()
	directory := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(directory)
	if err != nil {
		t.Logf("no count of sockets: %v", err)
	}
	n := 0
	for _, file := range files {
		if target, err := os.Readlink(directory + "/" + file.Name()); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}
