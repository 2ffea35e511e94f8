package plugintest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The peer of httptest's requests, 192.0.2.1, is the trusted proxy; it appended
// what stands last.
const behindProxy = `{rate: 1000/1h, headers: x-ratelimit, trustedProxies: [192.0.2.0/24, 10.0.0.0/8]}`

// used is how many requests the handler has counted for the client of r, r
// included.
func used(t *testing.T, handler http.Handler, r *http.Request) int {
	t.Helper()
	answer := send(handler, r)
	var left int
	if _, err := fmt.Sscan(answer.Header().Get("X-RateLimit-Remaining"), &left); err != nil {
		t.Fatalf("%v: %v", answer.Header(), err)
	}
	return 1000 - left
}

func forwarded(lines ...string) *http.Request {
	r := get("/")()
	if len(lines) > 0 {
		r.Header["X-Forwarded-For"] = lines
	}
	return r
}

// Whatever a client writes to the left of its own address, it is counted as
// itself, and nobody else is charged.
func TestForgedForwardedFor(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		handler := middleware(t, p, options(t, behindProxy))
		const attacker, victim = "203.0.113.66", "198.51.100.7"
		used(t, handler, forwarded(victim))

		n := 0
		for name, lines := range map[string][]string{
			"honest":                {attacker},
			"a lie to the left":     {victim + ", " + attacker},
			"a lie in another line": {victim, attacker},
			"many lies":             {strings.Repeat(victim+",", 5000) + attacker},
			"many lines":            append(strings.Split(strings.Repeat(victim+" ", 2000), " "), attacker),
			"a trusted lie":         {"10.0.0.1, " + attacker},
			"lies around proxies":   {victim + ", " + attacker + ", 10.9.8.7", "192.0.2.77"},
			"garbage":               {"\x00, ,,;\"<script>, " + attacker},
			"blanks and tabs":       {victim + ",\t " + attacker + " \t"},
			"its port":              {victim + ", " + attacker + ":31337"},
			"mapped":                {victim + ", ::ffff:" + attacker},
			"mapped, in brackets":   {"[::ffff:" + attacker + "]:80"},
			"a mapped proxy":        {attacker + ", ::ffff:10.1.1.1"},
			"long garbage":          {strings.Repeat("x", 1<<16) + "," + attacker},
		} {
			n++
			if got := used(t, handler, forwarded(lines...)); got != n {
				t.Errorf("%s: counted as %d of one client, want %d", name, got, n)
			}
		}
		if got := used(t, handler, forwarded(victim)); got != 2 {
			t.Errorf("the victim was charged %d times, want 2", got)
		}
	})
}

// Without an address to go by, the proxy that sent the request is the client.
// There is no client without an identity.
func TestForwardedForWithoutAnAddress(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		handler := middleware(t, p, options(t, behindProxy))
		n := 0
		for _, lines := range [][]string{
			nil, {""}, {","}, {"unknown"}, {"_hidden"}, {"203.0.113.1, unknown"}, {"999.1.1.1"}, {"1.2.3"}, {"::g"},
			{strings.Repeat(",", 1<<16)}, {"203.0.113.1\x00"}, {"10.0.0.1/8"}, {"０.0.0.0"},
		} {
			n++
			if got := used(t, handler, forwarded(lines...)); got != n {
				t.Errorf("%q: counted as %d of one client, want %d", lines, got, n)
			}
		}
	})
}

func TestForwardedForOfIPv6(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		handler := middleware(t, p, options(t, behindProxy))
		for i, lines := range []string{
			"2001:db8:0:1::1", "2001:db8:0:1::2", "[2001:db8:0:1::3]:443", "2001:db8:0:1::4%eth0", "[2001:db8:0:1:ffff::5%zone]:1", "2001:DB8:0:1:0:0:0:6",
		} {
			if got := used(t, handler, forwarded(lines)); got != i+1 {
				t.Errorf("%s: counted as %d of its /64, want %d", lines, got, i+1)
			}
		}
		if got := used(t, handler, forwarded("2001:db8:0:2::1")); got != 1 {
			t.Errorf("another /64: counted as %d, want 1", got)
		}
	})
}

// A peer that is no trusted proxy is the client, whatever it sends.
func TestUntrustedForwardedFor(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		for _, trusted := range []string{`{rate: 1000/1h, headers: x-ratelimit}`, `{rate: 1000/1h, headers: x-ratelimit, trustedProxies: 10.0.0.0/8}`} {
			handler := middleware(t, p, options(t, trusted+"\n"))
			before := used(t, handler, forwarded())
			for i := range 5 {
				if got := used(t, handler, forwarded(fmt.Sprintf("203.0.113.%d", i))); got != before+i+1 {
					t.Errorf("counted as %d, want %d", got, before+i+1)
				}
			}
		}
	})
}

// A header of a megabyte costs no more than a bounded time.
func TestForwardedForIsBounded(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		handler := middleware(t, p, options(t, behindProxy))
		for name, lines := range map[string][]string{
			"trusted entries": {strings.Repeat("10.0.0.1,", 110_000)},
			"commas":          {strings.Repeat(",", 1<<20)},
			"lines":           strings.Split(strings.Repeat("10.0.0.1\n", 100_000), "\n"),
			"one entry":       {strings.Repeat("1", 1<<20)},
		} {
			began := time.Now()
			for range 20 {
				used(t, handler, forwarded(lines...))
			}
			if each := time.Since(began) / 20; each > 20*time.Millisecond {
				t.Errorf("%s: %s for a request", name, each)
			}
		}
	})
}
