package plugintest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOneLine(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		handler := middleware(t, p, map[string]any{"rate": "3/1h"})
		if n := allowed(handler, 10, get("/")); n != 3 {
			t.Errorf("%d came through, want 3", n)
		}
		denied := send(handler, get("/")())
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "Content-Type": "application/problem+json", "Retry-After": "",
		} {
			if got := denied.Header().Get(header); got == "" || !strings.Contains(got, want) {
				t.Errorf("%s: got %q", header, got)
			}
		}
	})
}

func TestUnlimited(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		for _, options := range []map[string]any{{"rate": "unlimited"}, {"average": "0", "burst": 1}} {
			if n := allowed(middleware(t, p, options), 50, get("/")); n != 50 {
				t.Errorf("%v: %d came through, want all", options, n)
			}
		}
	})
}

// All limits are asked in one step: what one denies costs the others nothing.
func TestAllOrNone(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		handler := middleware(t, p, map[string]any{
			"prefix": strings.ReplaceAll(t.Name(), "/", ":"),
			"limits": []any{
				map[string]any{"name": "all", "rate": "3/1h", "key": "global"},
				map[string]any{"name": "each", "rate": "1/1h", "key": "header:X-User"},
			}})
		if n := allowed(handler, 5, get("/", "X-User", "bob")); n != 1 {
			t.Errorf("bob: %d came through, want 1", n)
		}
		for _, user := range []string{"eve", "joe"} {
			if answer := send(handler, get("/", "X-User", user)()); answer.Code != http.StatusOK {
				t.Errorf("%s: got %d: bob's denied requests were charged", user, answer.Code)
			}
		}
	})
}

func TestExactUnderConcurrency(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		handler := middleware(t, p, map[string]any{"rate": "40/1h"})
		var came sync.Map
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				if send(handler, get("/")()).Code == http.StatusOK {
					came.Store(i, true)
				}
			})
		}
		all.Wait()
		n := 0
		came.Range(func(any, any) bool { n++; return true })
		if n != 40 {
			t.Errorf("%d came through, want 40", n)
		}
	})
}

// A request that waits goes when its client does, and those that wait longer or
// shorter beside it keep their own times.
func TestWaiting(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		patient := middleware(t, p, map[string]any{"rate": "10/1s", "algorithm": "leaky-bucket", "key": "header:X-User"})
		// Whoever waits here leaves before their turn, on any machine.
		hasty := middleware(t, p, map[string]any{"rate": "1/1m", "burst": 4, "algorithm": "leaky-bucket", "key": "header:X-User"})
		type outcome struct {
			status       int
			began, ended time.Time
		}
		var mu sync.Mutex
		outcomes := map[string][]outcome{}
		var all sync.WaitGroup
		ask := func(handler http.Handler, user string, ctx context.Context) {
			began := time.Now()
			answer := send(handler, get("/", "X-User", user)().WithContext(ctx))
			mu.Lock()
			defer mu.Unlock()
			outcomes[user] = append(outcomes[user], outcome{answer.Code, began, time.Now()})
		}
		gone, leave := context.WithCancel(context.Background())
		for user := range 20 {
			for range 4 {
				all.Go(func() { ask(patient, fmt.Sprint("patient ", user), context.Background()) })
				all.Go(func() { ask(hasty, fmt.Sprint("hasty ", user), gone) })
			}
		}
		began := time.Now()
		time.AfterFunc(30*time.Millisecond, leave)
		all.Wait()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("all were answered after %s, want 300ms", took)
		}
		for user, list := range outcomes {
			served := 0
			first, last := list[0].began, list[0].ended
			for _, o := range list {
				if o.began.Before(first) {
					first = o.began
				}
				if o.ended.After(last) {
					last = o.ended
				}
				if o.status == http.StatusOK {
					served++
				} else if o.status != 499 {
					t.Errorf("%s: got %d", user, o.status)
				}
			}
			took := last.Sub(first)
			switch {
			case strings.HasPrefix(user, "patient") && (served != 4 || took < 290*time.Millisecond):
				t.Errorf("%s: %d of 4 served, the last after %s, want 300ms", user, served, took)
			case strings.HasPrefix(user, "hasty") && served != 1:
				t.Errorf("%s: %d of 4 served, want the one that had not to wait", user, served)
			}
		}
	})
}

// What the service does with its writer passes the middleware untouched.
func TestAnswersPassUntouched(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		read := make(chan bool)
		service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/events":
				for i := range 3 {
					fmt.Fprintf(w, "data: %d\n\n", i)
					if err := http.NewResponseController(w).Flush(); err != nil {
						t.Error(err)
					}
					<-read
				}
			case "/upgrade":
				connection, buffered, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer connection.Close()
				_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
				buffered.Flush()
				line, _ := buffered.ReadString('\n')
				_, _ = buffered.WriteString("echo " + line)
				buffered.Flush()
			}
		})
		handler, err := p.New(t.Context(), service, t.Name(), map[string]any{"rate": "100/1m"})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(handler)
		defer server.Close()

		// The service goes on only when the client has read the event before.
		request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		events := bufio.NewReader(answer.Body)
		for i := range 3 {
			if line, err := events.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("event %d: got %q, %v", i, line, err)
			}
			_, _ = events.ReadString('\n')
			read <- true
		}
		answer.Body.Close()

		request, err = http.NewRequestWithContext(t.Context(), "GET", server.URL+"/upgrade", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "echo")
		answer, err = http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		connection, ok := answer.Body.(io.ReadWriteCloser)
		if answer.StatusCode != http.StatusSwitchingProtocols || !ok {
			t.Fatalf("got %d, want 101", answer.StatusCode)
		}
		defer connection.Close()
		_, _ = io.WriteString(connection, "hello\n")
		if line, err := bufio.NewReader(connection).ReadString('\n'); err != nil || line != "echo hello\n" {
			t.Errorf("got %q, %v", line, err)
		}
	})
}

func TestDryRun(t *testing.T) {
	handler := middleware(t, interpreted(t), map[string]any{"rate": "2/1h", "dryRun": true})
	if n := allowed(handler, 4, get("/")); n != 4 {
		t.Errorf("%d came through, want all", n)
	}
	if got := strings.Count(logged.String(), t.Name()+" would deny 192.0.2.1"); got != 2 {
		t.Errorf("%d log lines of denials, want 2", got)
	}
}
