package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/proxy"
)

// TestTraefikStreams: upgraded connections, events and long answers pass the
// middleware as if it were not there.
func TestTraefikStreams(t *testing.T) {
	const long = 32 << 20
	read := make(chan bool)
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/limit/events":
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				<-read
			}
		case "/limit/long":
			_, _ = io.CopyN(w, zeros{}, long)
		case "/limit/socket":
			echo(t, w)
		}
	})
	traefik := Traefik(t, routes(site, map[string]string{"limit": weirOf(`{rate: 100/1m, headers: [ratelimit, x-ratelimit]}`)}))

	// The service goes on only when the client has the event before.
	answer, err := client.Get(traefik.URL + "/limit/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	events := bufio.NewReader(answer.Body)
	for i := range 3 {
		if line, err := events.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d: got %q, %v", i, line, err)
		}
		_, _ = events.ReadString('\n')
		read <- true
	}

	answer, err = client.Get(traefik.URL + "/limit/long")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if n, err := io.Copy(io.Discard, answer.Body); n != long || err != nil {
		t.Errorf("%d bytes of the long answer, %v, want %d", n, err, long)
	}
	if got := answer.Header.Get("X-RateLimit-Remaining"); got != "98" {
		t.Errorf("X-RateLimit-Remaining: %s, want 98", got)
	}

	request, err := http.NewRequestWithContext(t.Context(), "GET", traefik.URL+"/limit/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-WebSocket-Version", "13")
	request.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	// A client with a time limit hides that the body can be written to.
	answer, err = http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	socket, ok := answer.Body.(io.ReadWriteCloser)
	if answer.StatusCode != http.StatusSwitchingProtocols || !ok {
		t.Fatalf("got %d, want 101", answer.StatusCode)
	}
	defer socket.Close()
	lines := bufio.NewReader(socket)
	for _, line := range []string{"one\n", "two\n"} {
		_, _ = io.WriteString(socket, line)
		if got, err := lines.ReadString('\n'); err != nil || got != line {
			t.Errorf("got %q, %v, want %q", got, err, line)
		}
	}
}

// echo upgrades the connection and sends back what it gets.
func echo(t *testing.T, w http.ResponseWriter) {
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	_, _ = io.Copy(connection, buffered)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestTraefikWaiting: a request that is held back keeps its turn, and goes when
// its client does.
func TestTraefikWaiting(t *testing.T) {
	redis := redistest.Start(t).Addr()
	for store, options := range map[string]string{"memory": "", "redis": fmt.Sprintf(`, timeout: 5s, redis: {address: %q}`, redis)} {
		t.Run(store, func(t *testing.T) {
			var mu sync.Mutex
			var served []time.Time
			site := serve(t, func(http.ResponseWriter, *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				served = append(served, time.Now())
			})
			traefik, log := traefikWith(t, proxy.TraefikOptions{Dynamic: routes(site, map[string]string{
				"patient": weirOf(`{rate: 5/1s, algorithm: leaky-bucket` + options + `}`),
				"hasty":   weirOf(`{rate: 1/1m, algorithm: leaky-bucket, burst: 3` + options + `}`),
			})})
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() { ask(t, traefik.URL+"/patient") })
			}
			all.Wait()
			if took := served[4].Sub(served[0]); len(served) != 5 || took < 750*time.Millisecond {
				t.Errorf("%d served within %s, want 5 within 800ms", len(served), took)
			}

			// One goes through, the next waits a minute for its turn.
			ask(t, traefik.URL+"/hasty")
			ctx, leave := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer leave()
			request, err := http.NewRequestWithContext(ctx, "GET", traefik.URL+"/hasty", nil)
			if err != nil {
				t.Fatal(err)
			}
			if answer, err := client.Do(request); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v, %v, want to wait", answer, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(served) != 6 {
				t.Errorf("the service saw %d requests, want 6", len(served))
			}
			if lines := log.lines("weir"); strings.Contains(strings.Join(lines, "\n"), "ERR") {
				t.Errorf("errors in the log:\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}

// TestTraefikForwardedFor: the address in X-Forwarded-For counts only where
// Traefik was told whom to believe.
func TestTraefikForwardedFor(t *testing.T) {
	traefik, _ := traefikWith(t, proxy.TraefikOptions{TrustForwarded: true, Dynamic: routes(hello(t), map[string]string{
		"behind":  weirOf(`{rate: 1000/1h, headers: x-ratelimit, trustedProxies: [127.0.0.1, 10.0.0.0/8]}`),
		"exposed": weirOf(`{rate: 1000/1h, headers: x-ratelimit}`),
	})})
	used := func(route string, headers ...string) int {
		t.Helper()
		var left int
		got := ask(t, traefik.URL+route, headers...).Header.Get("X-RateLimit-Remaining")
		if _, err := fmt.Sscan(got, &left); err != nil {
			t.Fatalf("%s: %v", route, err)
		}
		return 1000 - left
	}
	const victim, attacker, field = "198.51.100.7", "203.0.113.66", "X-Forwarded-For"
	for i, headers := range [][]string{
		{field, attacker},
		{field, victim + ", " + attacker},
		{field, victim, field, attacker},
		{field, "10.0.0.1", field, attacker + ", 10.0.0.2"},
		{field, "[::ffff:" + attacker + "]:443"},
		{field, strings.Repeat(victim+", ", 5000) + attacker},
		{field, "x, \"', " + attacker},
		{field, attacker, "X-Real-Ip", victim, "Forwarded", "for=" + victim},
	} {
		if got := used("/behind", headers...); got != i+1 {
			t.Errorf("%.80q: counted as %d of one client, want %d", headers, got, i+1)
		}
		if got := used("/exposed", headers...); got != i+1 {
			t.Errorf("%.80q: counted as %d of the peer, want %d", headers, got, i+1)
		}
	}
	if got := used("/behind", field, victim); got != 1 {
		t.Errorf("the victim was charged %d times, want 1", got)
	}
}

// TestTraefikTellsOfTheStore: that it is lost, once, and that it is back; and
// counts go on meanwhile.
func TestTraefikTellsOfTheStore(t *testing.T) {
	redis := redistest.Start(t)
	traefik, log := traefikWith(t, proxy.TraefikOptions{Dynamic: routes(hello(t), map[string]string{
		"limit": weirOf(fmt.Sprintf(`{limits: [{name: api, rate: 3/1h}], timeout: 5s, redis: {address: %q}}`, redis.Addr())),
	})})
	url := traefik.URL + "/limit"
	admitted(t, 1, url)
	redis.Stop()
	if came := admitted(t, 10, url); came != 3 {
		t.Errorf("%d came through without Redis, want the 3 of this process", came)
	}
	redis.Restart()
	eventually(t, "the store to be back", func() bool { return len(log.lines("is back")) > 0 })
	if came := admitted(t, 10, url); came != 3 {
		t.Errorf("%d came through with the new Redis, want 3", came)
	}
	denial := "DBG limit@file: limit api denied 127.0.0.1 for "
	// What is printed arrives in its own time. Without Redis each of the seven is
	// decided anew; with it the first is, and its answer stands for a while.
	eventually(t, "denials to be logged", func() bool { return log.count(denial) >= 8 })
	if n := log.count(denial); n > 14 {
		t.Errorf("%d lines of %s, want at most 14", n, denial)
	}
	for text, want := range map[string]int{
		"DBG limit@file: limit api: 3 in any 1h (sliding-window), for each ip, counted in Redis at " + redis.Addr(): 1,
		"ERR Redis at " + redis.Addr() + " is lost, onError applies: ":                                              1,
		"ERR Redis at " + redis.Addr() + " is back":                                                                 1,
	} {
		if n := log.count(text); n != want {
			t.Errorf("%d lines of %s, want %d", n, text, want)
		}
	}
}

// count is how many lines weir wrote at a level, such as "ERR Redis at …".
func (l *logged) count(levelAndText string) int {
	level, text, _ := strings.Cut(levelAndText, " ")
	n := 0
	for _, line := range l.lines("weir: " + text) {
		if strings.Contains(line, " "+level+" ") {
			n++
		}
	}
	return n
}

// TestTraefikConnectsAtStart: the first request finds a connection, and Redis
// knows the script. A reload with the same settings opens no further one.
func TestTraefikConnectsAtStart(t *testing.T) {
	redis := redistest.Start(t)
	limit := weirOf(fmt.Sprintf(`{rate: 3/1h, timeout: 5s, redis: {address: %q}}`, redis.Addr()))
	site := hello(t)
	traefik := Traefik(t, routes(site, map[string]string{"limit": limit}))
	eventually(t, "Redis to know the script", func() bool {
		return strings.Contains(redis.MustDo("INFO", "commandstats"), "cmdstat_eval:")
	})
	if n := connected(redis); n != 1 {
		t.Errorf("%d connections before the first request, want 1", n)
	}
	reload(t, traefik, routes(site, map[string]string{"limit": limit, "other": limit}))
	if n := connected(redis); n != 1 {
		t.Errorf("%d connections after a reload, want 1", n)
	}
	if keys := redis.MustDo("DBSIZE"); keys != "0" {
		t.Errorf("%s keys before the first request", keys)
	}
	if came := admitted(t, 4, traefik.URL+"/limit"); came != 3 {
		t.Errorf("%d came through, want 3", came)
	}
}

// TestTraefikMissesTheStoreAtStart: one that is not there is told of before a
// request needs it, and so is its coming.
func TestTraefikMissesTheStoreAtStart(t *testing.T) {
	redis := redistest.Start(t)
	redis.Stop()
	_, log := traefikWith(t, proxy.TraefikOptions{Dynamic: routes(hello(t), map[string]string{
		"limit": weirOf(fmt.Sprintf(`{rate: 3/1h, redis: {address: %q}}`, redis.Addr())),
	})})
	eventually(t, "the store to be lost", func() bool { return len(log.lines("is lost, onError applies")) == 1 })
	redis.Restart()
	eventually(t, "the store to be back", func() bool { return len(log.lines("is back")) == 1 })
}
