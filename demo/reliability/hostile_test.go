package reliability

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/proxy"
)

// hostile are requests that are up to something, each as it goes over the wire:
// what follows GET, and header lines. None has to be served.
var hostile = map[string]struct{ target, headers string }{
	"a megabyte":             {"/", "X-Client: " + strings.Repeat("a", 1_000_000) + "\r\n"},
	"four megabytes":         {"/", "X-Client: " + strings.Repeat("a", 4_000_000) + "\r\n"},
	"a megabyte of query":    {"/?q=" + strings.Repeat("%0d%0a", 160_000), ""},
	"a megabyte of path":     {"/" + strings.Repeat("a", 1_000_000), ""},
	"5000 cookies":           {"/", "Cookie: " + strings.Repeat("a=b; ", 5000) + "session=x\r\n"},
	"2000 cookies":           {"/", "Cookie: " + strings.Repeat("session=b; ", 2000) + "session=x\r\n"},
	"5000 cookie lines":      {"/", strings.Repeat("Cookie: session=b\r\n", 5000)},
	"5000 client lines":      {"/", strings.Repeat("X-Client: b\r\n", 5000)},
	"control characters":     {"/", "X-Client: \x01\x02\x03\x1b[2J\x7f\r\n"},
	"a NUL":                  {"/", "X-Client: a\x00b\r\n"},
	"a tab":                  {"/", "X-Client: a\tb\r\n"},
	"invalid UTF-8":          {"/?q=%ff%fe", "X-Client: \xff\xfe\xc0\x80\xed\xa0\x80\r\nCookie: session=\xff\xfe\r\n"},
	"CRLF, encoded":          {"/a%0d%0ab?q=%0d%0aFLUSHALL%0d%0a", "X-Client: %0d%0aFLUSHALL\r\n"},
	"CRLF, folded":           {"/", "X-Client: a\r\n FLUSHALL\r\n"},
	"a lone CR":              {"/", "X-Client: a\rFLUSHALL\r\n"},
	"a lone LF":              {"/", "X-Client: a\nFLUSHALL: b\r\n"},
	"a command":              {"/?q=*1%0d%0a$8%0d%0aFLUSHALL%0d%0a", "X-Client: *1 $8 FLUSHALL\r\nCookie: session=\"*1\\r\\n$8\\r\\nFLUSHALL\\r\\n\"\r\n"},
	"a hash tag":             {"/?q={a}", "X-Client: }:fw{a}\r\nCookie: session={}\r\n"},
	"a placeholder":          {"/?q={env.HOME}", "X-Client: {env.HOME}{http.request.uri}\r\n"},
	"an empty one":           {"/?q=", "X-Client: \r\nCookie: session=\r\n"},
	"an address like others": {"/", "X-Client: 203.0.113.7\r\nX-Forwarded-For: 203.0.113.7, " + strings.Repeat("1.1.1.1, ", 5000) + "\r\n"},
}

// stored are the keys that may come of that: of each limit, the hash of an
// identity, or the client's address where there was none.
var stored = regexp.MustCompile(`^weir:\{(header|cookie|query|path):([0-9a-f]{32}|127\.0\.0\.1)\}:sw$`)

var hostileKeys = []struct{ name, traefik, caddy string }{
	{"header", "header:X-Client", "{header.X-Client}"},
	{"cookie", "cookie:session", "{cookie.session}"},
	{"query", "query:q", "{query.q}"},
	{"path", "path", "{path}"},
}

func TestHostileInput(t *testing.T) {
	server := redistest.Start(t)
	site := upstream(t)
	var yaml, caddyfile strings.Builder
	for _, k := range hostileKeys {
		fmt.Fprintf(&yaml, "            - {name: %s, key: %q, rate: 1000000/1h}\n", k.name, k.traefik)
		fmt.Fprintf(&caddyfile, "limit %s {\nkey %s\nrate 1000000/1h\n}\n", k.name, k.caddy)
	}
	lab := open(t, proxy.TraefikOptions{Dynamic: fmt.Sprintf(`
http:
  routers:
    all: {rule: "PathPrefix(%[1]s/%[1]s)", middlewares: [limit], service: site}
  middlewares:
    limit:
      plugin:
        weir:
          redis: {address: %q}
          limits:
%s
  services:
    site: {loadBalancer: {servers: [{url: %q}]}}
`, "`", server.Addr(), &yaml, site)},
		fmt.Sprintf("{\nadmin {$WEIR_ADMIN}\nservers {\nmax_header_size 1MiB\n}\n}\nhttp://{$WEIR_LISTEN} {\nweir {\nredis %s\n%s}\nreverse_proxy %s\n}\n", server.Addr(), &caddyfile, site))
	server.MustDo("SET", "canary", "alive")
	server.MustDo("CONFIG", "RESETSTAT")

	table := newTable("request", "Traefik", "Caddy")
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range sorted(hostile) {
		text := "GET " + hostile[name].target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + hostile[name].headers + "\r\n"
		table.row(name, sendRaw(t, name, lab.traefik.URL, text), sendRaw(t, name, lab.caddy.URL, text))
	}
	for range 100 {
		noise := strings.NewReplacer("\r", "", "\n", "").Replace(bytesOf(random, 200))
		text := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Client: " + noise + "\r\nCookie: session=" + noise + "\r\n\r\n"
		for _, url := range []string{lab.traefik.URL, lab.caddy.URL} {
			sendRaw(t, fmt.Sprintf("%q", noise), url, text)
		}
	}
	table.print(t)

	if got := server.MustDo("GET", "canary"); got != "alive" {
		t.Error("somebody has flushed the server")
	}
	for _, key := range strings.Split(server.MustDo("KEYS", "*"), "\n") {
		if key != "canary" && !stored.MatchString(key) {
			t.Errorf("a key %q", key)
		}
	}
	for _, line := range strings.Split(server.MustDo("INFO", "commandstats"), "\r\n") {
		stats, ok := strings.CutPrefix(line, "cmdstat_")
		command, _, _ := strings.Cut(stats, ":")
		if ok && !slices.Contains(known, command) {
			t.Errorf("a command: %s", line)
		}
	}
	lab.told().check(t, 0, 0)
}

// known are the commands that weir's clients, its script and this test give.
var known = strings.Fields("eval evalsha time get set pexpire ping client|setname client|setinfo hello keys info config|resetstat")

// sendRaw sends a request and returns how it was answered, which is in no time
// and with no fault of the server's.
func sendRaw(t *testing.T, name, url, text string) string {
	t.Helper()
	began := time.Now()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(began.Add(10 * time.Second))
	go func() { _, _ = conn.Write([]byte(text)) }()
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	in := time.Since(began)
	if in > 3*time.Second {
		t.Errorf("%s: answered after %v", name, in)
	}
	if err != nil {
		// Who sends on after being refused is hung up on, perhaps before the
		// refusal was read.
		return "hung up, " + millis(in)
	}
	got.Body.Close()
	if got.StatusCode >= 500 {
		t.Errorf("%s: status %d", name, got.StatusCode)
	}
	return fmt.Sprintf("%d, %s", got.StatusCode, millis(in))
}

func bytesOf(random *rand.Rand, most int) string {
	b := make([]byte, random.IntN(most))
	for i := range b {
		b[i] = byte(random.IntN(256))
	}
	return string(b)
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
