package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/weirproxy/weir/demo/proxy"
)

// In front of each handler stands a limit of its own, of 2 requests.
const handlersCaddy = `{
	admin {$WEIR_ADMIN}
	skip_install_trust
	auto_https disable_redirects
	weir {
		headers ratelimit
	}
}
(limited) {
	weir {
		limit {args[0]} {
			rate 2/1h
		}
	}
}
http://{$WEIR_LISTEN}, https://localhost:SECURE {
	tls internal
	handle /proxied/* {
		import limited proxied
		reverse_proxy UPSTREAM
	}
	handle /files/* {
		import limited files
		root FILES
		file_server
	}
	@php path *.php
	handle @php {
		import limited php
		root FILES
		php_fastcgi FASTCGI
	}
	route /routed/* {
		respond /routed/before "before"
		import limited routed
		respond "routed"
	}
	handle_path /stripped/* {
		import limited stripped
		respond "{uri}"
	}
	handle /h2 {
		import limited h2
		respond "{http.request.proto}"
	}
	handle /h3 {
		import limited h3
		respond "{http.request.proto}"
	}
	handle /socket {
		import limited socket
		reverse_proxy UPSTREAM
	}
	handle /stream {
		import limited stream
		reverse_proxy UPSTREAM
	}
	handle /errors {
		import limited errors
		respond "fine"
	}
	handle_errors 429 {
		@page path /errors
		respond @page "{http.weir.limit} again in {http.weir.retry_after}" 429
	}
}
`

// handlers starts a Caddy with all of them, and returns its secure address too.
func handlers(t *testing.T) (caddy *proxy.Caddy, secure string) {
	t.Helper()
	secure, err := proxy.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(secure, ":")
	files := t.TempDir()
	for _, file := range []string{"files/a.txt", "index.php"} {
		path := filepath.Join(files, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("a file"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	upstream := httptest.NewServer(http.HandlerFunc(upstream))
	t.Cleanup(upstream.Close)
	php, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { php.Close() })
	go fcgi.Serve(php, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "from fastcgi") }))
	text := strings.NewReplacer("SECURE", port, "UPSTREAM", upstream.URL, "FILES", files, "FASTCGI", php.Addr().String()).Replace(handlersCaddy)
	caddy = Caddy(t, text)
	// Caddy issues its certificate in the background.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		connection, err := tls.Dial("tcp", "localhost:"+port, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			connection.Close()
			return caddy, "https://localhost:" + port
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// upstream answers plainly, in a stream, or on a connection that is no longer
// HTTP.
func upstream(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/stream":
		for i := range 3 {
			fmt.Fprintf(w, "part %d\n", i)
			w.(http.Flusher).Flush()
			if i == 0 {
				// Until the client has seen the first part.
				<-r.Context().Done()
				return
			}
		}
	case "/socket":
		connection, buffer, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, _ := buffer.ReadString('\n')
		io.WriteString(connection, "echo "+line)
	default:
		w.Header().Set("RateLimit", `"upstream";r=7`)
		fmt.Fprint(w, "from upstream")
	}
}

// TestCaddyHandlers: whatever handler comes next, two requests reach it and the
// third is denied, with its header fields on all three.
func TestCaddyHandlers(t *testing.T) {
	caddy, secure := handlers(t)
	local := &tls.Config{InsecureSkipVerify: true}
	plain := &http.Transport{}
	h2 := &http.Transport{TLSClientConfig: local, ForceAttemptHTTP2: true}
	h3 := &http3.Transport{TLSClientConfig: local}
	t.Cleanup(func() {
		plain.CloseIdleConnections()
		h2.CloseIdleConnections()
		h3.Close()
	})
	for name, test := range map[string]struct {
		transport   http.RoundTripper
		url         string
		limit, body string
	}{
		"reverse_proxy": {plain, caddy.URL + "/proxied/a", "proxied", "from upstream"},
		"file_server":   {plain, caddy.URL + "/files/a.txt", "files", "a file"},
		"php_fastcgi":   {plain, caddy.URL + "/index.php", "php", "from fastcgi"},
		"route":         {plain, caddy.URL + "/routed/a", "routed", "routed"},
		"handle_path":   {plain, caddy.URL + "/stripped/a", "stripped", "/a"},
		"HTTP/2":        {h2, secure + "/h2", "h2", "HTTP/2.0"},
		"HTTP/3":        {h3, secure + "/h3", "h3", "HTTP/3.0"},
	} {
		t.Run(name, func(t *testing.T) {
			for i, want := range []int{200, 200, 429} {
				r, err := http.NewRequestWithContext(t.Context(), "GET", test.url, nil)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := test.transport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(answer.Body)
				answer.Body.Close()
				if answer.StatusCode != want {
					t.Fatalf("request %d: got %d %s", i+1, answer.StatusCode, body)
				}
				if want == 200 && string(body) != test.body {
					t.Errorf("request %d: got %q, want %q", i+1, body, test.body)
				}
				if want == 429 && !strings.Contains(string(body), "quota-exceeded") {
					t.Errorf("request %d: got %q, want problem details", i+1, body)
				}
				field := fmt.Sprintf(`"%s";r=%d`, test.limit, max(0, 1-i))
				if got := answer.Header.Values("RateLimit"); len(got) == 0 || !strings.HasPrefix(got[0], field) {
					t.Errorf("request %d: RateLimit: got %q, want %s", i+1, got, field)
				}
			}
		})
	}
}

// TestCaddyRouteOrder: in a route, what stands before the limit is not limited.
func TestCaddyRouteOrder(t *testing.T) {
	caddy, _ := handlers(t)
	for range 5 {
		if answer, body := get(t, caddy.URL+"/routed/before"); answer.StatusCode != 200 || body != "before" || answer.Header.Get("RateLimit") != "" {
			t.Fatalf("got %d %s", answer.StatusCode, body)
		}
	}
}

// TestCaddyUpstreamFields: an upstream's own fields are added to, not replaced.
func TestCaddyUpstreamFields(t *testing.T) {
	caddy, _ := handlers(t)
	answer, _ := get(t, caddy.URL+"/proxied/a")
	got := answer.Header.Values("RateLimit")
	if len(got) != 2 || !strings.HasPrefix(got[0], `"proxied";r=1`) || got[1] != `"upstream";r=7` {
		t.Errorf("RateLimit: got %q", got)
	}
}

// TestCaddyErrorRoutes: an error route answers where it matches; where it does
// not, the answer is still a whole one.
func TestCaddyErrorRoutes(t *testing.T) {
	caddy, _ := handlers(t)
	for range 2 {
		get(t, caddy.URL+"/errors")
	}
	answer, body := get(t, caddy.URL+"/errors")
	if want := "errors again in " + answer.Header.Get("Retry-After"); answer.StatusCode != 429 || body != want {
		t.Errorf("got %d %q, want %q", answer.StatusCode, body, want)
	}
}

// TestCaddyStreaming: an answer passes while it is being made.
func TestCaddyStreaming(t *testing.T) {
	caddy, _ := handlers(t)
	answer, err := http.Get(caddy.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	// The upstream has not answered in full, and will not before we leave.
	line, err := bufio.NewReader(answer.Body).ReadString('\n')
	if err != nil || line != "part 0\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

// TestCaddyWebSocket: a connection that is upgraded is counted once and then left
// alone.
func TestCaddyWebSocket(t *testing.T) {
	caddy, _ := handlers(t)
	for i, want := range []string{"101", "101", "429"} {
		connection, err := net.DialTimeout("tcp", strings.TrimPrefix(caddy.URL, "http://"), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		connection.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(connection, "GET /socket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			strings.TrimPrefix(caddy.URL, "http://"))
		reader := bufio.NewReader(connection)
		status, err := reader.ReadString('\n')
		if err != nil || !strings.Contains(status, " "+want+" ") {
			t.Fatalf("connection %d: got %q, %v, want %s", i+1, status, err, want)
		}
		if want != "101" {
			continue
		}
		for line := status; line != "\r\n"; {
			if line, err = reader.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		io.WriteString(connection, "hello\n")
		if line, err := reader.ReadString('\n'); err != nil || line != "echo hello\n" {
			t.Errorf("connection %d: got %q, %v", i+1, line, err)
		}
	}
}
