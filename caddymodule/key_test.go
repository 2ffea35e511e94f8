package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/weirproxy/weir/core"
)

// request makes one as a handler gets it.
func request(remote string, header ...string) (*http.Request, *caddy.Replacer) {
	r := httptest.NewRequest("GET", "http://example.com/path?q=1", nil)
	r.RemoteAddr = remote
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	repl := caddy.NewReplacer()
	return caddyhttp.PrepareRequest(r, repl, httptest.NewRecorder(), new(caddyhttp.Server)), repl
}

func TestKey(t *testing.T) {
	const remote = "203.0.113.7:40000"
	for name, test := range map[string]struct {
		limit  Limit
		remote string
		header []string
		want   string
	}{
		"none":                    {Limit{}, remote, nil, "203.0.113.7"},
		"client_ip":               {Limit{Key: "{http.vars.client_ip}"}, remote, nil, "203.0.113.7"},
		"remote_host":             {Limit{Key: "{http.request.remote.host}"}, remote, nil, "203.0.113.7"},
		"IPv6 network":            {Limit{}, "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2::/64"},
		"IPv6 network of peer":    {Limit{Key: "{remote_host}"}, "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2::/64"},
		"IPv6 whole":              {Limit{IPv6Prefix: new(int)}, "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2:3:4:5:6"},
		"IPv4 in IPv6":            {Limit{}, "[::ffff:203.0.113.7]:1", nil, "203.0.113.7"},
		"IPv4 network":            {Limit{IPv4Prefix: pointer(24)}, remote, nil, "203.0.113.0/24"},
		"unix socket":             {Limit{}, "@", nil, core.Unknown},
		"header":                  {Limit{Key: "{http.request.header.X-Api-Key}"}, remote, []string{"X-Api-Key", "secret"}, core.HashIdentity("secret")},
		"header missing":          {Limit{Key: "{http.request.header.X-Api-Key}"}, remote, nil, "203.0.113.7"},
		"header with an address":  {Limit{Key: "{http.request.header.X-Ip}"}, remote, []string{"X-Ip", "1.2.3.4"}, core.HashIdentity("1.2.3.4")},
		"header masked":           {Limit{Key: "{http.request.header.X-Ip}", IPv6Prefix: pointer(48)}, remote, []string{"X-Ip", "2001:db8:1:2::3"}, core.HashIdentity("2001:db8:1::/48")},
		"unknown placeholder":     {Limit{Key: "{nothing.like.that}"}, remote, nil, "203.0.113.7"},
		"several":                 {Limit{Key: "{http.request.header.A}+{http.request.uri.path}"}, remote, []string{"A", "x"}, core.HashIdentity("x+/path")},
		"several, all missing":    {Limit{Key: "{http.request.header.A}-{http.request.header.B}"}, remote, nil, "203.0.113.7"},
		"several, one missing":    {Limit{Key: "{http.request.header.A}-{http.request.header.B}"}, remote, []string{"B", "y"}, core.HashIdentity("-y")},
		"text":                    {Limit{Key: "global"}, remote, nil, core.HashIdentity("global")},
		"text around placeholder": {Limit{Key: "user:{http.request.header.A}"}, remote, []string{"A", "x"}, core.HashIdentity("user:x")},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := test.limit.compileKey()
			if err != nil {
				t.Fatal(err)
			}
			r, repl := request(test.remote, test.header...)
			equal(t, "identity", k.identity(r, repl), test.want)
		})
	}
}

// TestIdentify finds whom an operator means.
func TestIdentify(t *testing.T) {
	for name, test := range map[string]struct{ key, text, want string }{
		"address":         {"", "203.0.113.7", "203.0.113.7"},
		"IPv4 in IPv6":    {"", "::ffff:203.0.113.7", "203.0.113.7"},
		"IPv6 address":    {"", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"},
		"IPv6 network":    {"", "2001:db8:1:2::/64", "2001:db8:1:2::/64"},
		"nobody":          {"", core.Unknown, core.Unknown},
		"fail/no-address": {"", "bob", ""},
		"header":          {"{http.request.header.A}", "x", core.HashIdentity("x")},
		"text":            {"global", "global", core.HashIdentity("global")},
		"fail/other-text": {"global", "bob", ""},
	} {
		t.Run(name, func(t *testing.T) {
			limit := Limit{Key: test.key}
			k, err := limit.compileKey()
			if err != nil {
				t.Fatal(err)
			}
			got, err := k.identify(test.text)
			if (err != nil) != (test.want == "") {
				t.Fatalf("error: %v", err)
			}
			equal(t, "identity", got, test.want)
		})
	}
}

func TestCost(t *testing.T) {
	for name, test := range map[string]struct {
		cost, header string
		want         int64
	}{
		"none":            {"", "", 1},
		"number":          {"5", "", 5},
		"placeholder":     {"{http.request.header.Cost}", "7", 7},
		"free":            {"{http.request.header.Cost}", "0", 0},
		"missing":         {"{http.request.header.Cost}", "", 1},
		"negative":        {"{http.request.header.Cost}", "-100", 1},
		"no number":       {"{http.request.header.Cost}", "lots", 1},
		"too large":       {"{http.request.header.Cost}", "99999999999", core.MaxCount},
		"past all bounds": {"{http.request.header.Cost}", "99999999999999999999999", core.MaxCount},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parseCost(test.cost)
			if err != nil {
				t.Fatal(err)
			}
			var header []string
			if test.header != "" {
				header = []string{"Cost", test.header}
			}
			_, repl := request("203.0.113.7:1", header...)
			equal(t, "cost", c.of(repl), test.want)
		})
	}
}

func pointer[T any](value T) *T { return &value }
