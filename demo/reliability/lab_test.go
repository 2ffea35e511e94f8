package reliability

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weirproxy/weir/demo/e2e"
	"github.com/weirproxy/weir/demo/proxy"
)

// The routes of both proxies. Those limited take the same Redis, and say
// otherwise what on_error is; the free one has no limit and tells how fast the
// machine is.
const (
	localRoute = "local"
	denyRoute  = "deny"
	freeRoute  = "free"
)

// place is a Redis in both proxies' words, and what is asked of it.
type place struct {
	// name begins the paths of its routes.
	name string
	// traefik and caddy are the value of the option redis.
	traefik, caddy string
	// limit is the limit's options, in YAML.
	limit string
}

var proxies = [2]string{"Traefik", "Caddy"}

// lab is both proxies.
type lab struct {
	traefik              *proxy.Traefik
	caddy                *proxy.Caddy
	traefikLog, caddyLog log
	places               []place
}

func start(t *testing.T, places ...place) *lab {
	t.Helper()
	site := upstream(t)
	l := open(t, proxy.TraefikOptions{Dynamic: dynamic(places, site)}, caddyfile(places, site))
	l.places = places
	return l
}

// open starts both proxies.
func open(t *testing.T, traefik proxy.TraefikOptions, caddyfile string) *lab {
	t.Helper()
	l := &lab{}
	traefik.Binary, traefik.Checkout, traefik.Output = e2e.TraefikBinary(t), e2e.Checkout(t), &l.traefikLog
	var err error
	if l.traefik, err = proxy.StartTraefik(t.Context(), traefik); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.traefik.Stop)
	l.caddy, err = proxy.StartCaddy(t.Context(), proxy.CaddyOptions{
		Binary: e2e.CaddyBinary(t), Caddyfile: caddyfile, Output: &l.caddyLog,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.caddy.Stop)
	return l
}

// upstream is the site behind both proxies.
func upstream(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	t.Cleanup(server.Close)
	return server.URL
}

// streams are those of a place through both proxies, and the free ones.
func (l *lab) streams(p place) []stream {
	var all []stream
	for _, route := range []string{localRoute, denyRoute} {
		path := "/" + p.name + "-" + route
		all = append(all, stream{"Traefik", route, l.traefik.URL + path}, stream{"Caddy", route, l.caddy.URL + path})
	}
	return append(all, stream{"Traefik", freeRoute, l.traefik.URL + "/free"}, stream{"Caddy", freeRoute, l.caddy.URL + "/free"})
}

func dynamic(places []place, upstream string) string {
	var routers, middlewares strings.Builder
	fmt.Fprintf(&routers, "    free: {rule: \"PathPrefix(`/free`)\", service: site}\n")
	fmt.Fprintf(&routers, "    debug: {rule: \"PathPrefix(`/debug`)\", service: api@internal}\n")
	for _, p := range places {
		for _, route := range []string{localRoute, denyRoute} {
			name := p.name + "-" + route
			fmt.Fprintf(&routers, "    %s: {rule: \"PathPrefix(`/%[1]s`)\", middlewares: [%[1]s], service: site}\n", name)
			fmt.Fprintf(&middlewares, "    %s: {plugin: {weir: {redis: %s, onError: %s, limits: [{name: %s, key: \"header:X-Client\", %s}]}}}\n",
				name, p.traefik, route, name, p.limit)
		}
	}
	return fmt.Sprintf("http:\n  routers:\n%s  middlewares:\n%s  services:\n    site: {loadBalancer: {servers: [{url: %q}]}}\n", &routers, &middlewares, upstream)
}

func caddyfile(places []place, upstream string) string {
	var handlers strings.Builder
	for _, p := range places {
		for _, route := range []string{localRoute, denyRoute} {
			name := p.name + "-" + route
			limit := strings.ReplaceAll(strings.ReplaceAll(p.limit, ": ", " "), ", ", "\n")
			fmt.Fprintf(&handlers, "handle /%s {\nweir {\nredis %s\non_error %s\nlimit %s {\nkey {header.X-Client}\n%s\n}\n}\nreverse_proxy %s\n}\n",
				name, p.caddy, route, name, limit, upstream)
		}
	}
	return fmt.Sprintf("{\nadmin {$WEIR_ADMIN}\n}\nhttp://{$WEIR_LISTEN} {\n%sreverse_proxy %s\n}\n", &handlers, upstream)
}

// log is what a proxy printed.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// lines are those that match, without Traefik's colours.
func (l *log) lines(pattern *regexp.Regexp) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range strings.Split(colours.ReplaceAllString(l.text.String(), ""), "\n") {
		if pattern.MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

var (
	colours = regexp.MustCompile("\x1b\\[[0-9]*m")

	saysLost = regexp.MustCompile(`the store is lost|Redis at .* is lost`)
	saysBack = regexp.MustCompile(`the store is back|Redis at .* is back`)
)

// told is what each proxy, Traefik first, has said of a store: that it is lost,
// and that it is back.
type told struct{ lost, back [2][]string }

func (l *lab) told() told {
	var t told
	for i, log := range []*log{&l.traefikLog, &l.caddyLog} {
		t.lost[i], t.back[i] = log.lines(saysLost), log.lines(saysBack)
	}
	return t
}

func (t told) since(before told) told {
	for i := range proxies {
		t.lost[i] = t.lost[i][len(before.lost[i]):]
		t.back[i] = t.back[i][len(before.back[i]):]
	}
	return t
}

// String is for a table: so many lines of each kind, of both proxies.
func (t told) String() string {
	return fmt.Sprintf("%d+%d, %d+%d", len(t.lost[0]), len(t.back[0]), len(t.lost[1]), len(t.back[1]))
}

// check expects each proxy to say once that the store is lost, and once that it
// is back; unless nobody need have noticed.
func (t told) check(tb testing.TB, least, most int) {
	tb.Helper()
	for i, name := range proxies {
		lost, back := len(t.lost[i]), len(t.back[i])
		if lost != back || lost < least || lost > most {
			tb.Errorf("%s said %d times that the store is lost and %d times that it is back, want %d to %d:\n%s",
				name, lost, back, least, most, strings.Join(slices.Concat(t.lost[i], t.back[i]), "\n"))
		}
	}
}
