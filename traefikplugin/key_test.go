package traefikplugin

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/weirproxy/weir/core"
)

var client = netip.MustParseAddr("203.0.113.7")

func TestIdentity(t *testing.T) {
	const url = "http://Shop.example:8080/cart/1?user=bob&user=eve"
	for name, test := range map[string]struct {
		key, want string
	}{
		"ip":                   {"ip", "203.0.113.7"},
		"default":              {"", "203.0.113.7"},
		"header":               {"header:x-api-key", core.HashIdentity("k1")},
		"header of two lines":  {"header:X-Twice", core.HashIdentity("a,b")},
		"header Host":          {"header:Host", core.HashIdentity("shop.example")},
		"cookie":               {"cookie:session", core.HashIdentity("s1")},
		"query":                {"query:user", core.HashIdentity("bob,eve")},
		"host":                 {"host", core.HashIdentity("shop.example")},
		"path":                 {"path", core.HashIdentity("/cart/1")},
		"method":               {"METHOD", core.HashIdentity("GET")},
		"global":               {"global", core.HashIdentity("global")},
		"joined":               {"header:X-Api-Key + path", core.HashIdentity("k1+/cart/1")},
		"joined with ip":       {"ip+host", core.HashIdentity("203.0.113.7+shop.example")},
		"escaped":              {"header:X-Plus+host", core.HashIdentity("a%2Bb%25+shop.example")},
		"single not escaped":   {"header:X-Plus", core.HashIdentity("a+b%")},
		"missing":              {"header:X-None", "203.0.113.7"},
		"empty":                {"header:X-Empty", "203.0.113.7"},
		"part missing":         {"header:X-None+path", "203.0.113.7"},
		"next choice":          {"header:X-None|cookie:session|ip", core.HashIdentity("s1")},
		"last choice":          {"header:X-None|ip", "203.0.113.7"},
		"joins before choices": {"header:X-None+path|host", core.HashIdentity("shop.example")},
		"skip":                 {"header:X-None|skip", ""},
		"not skipped":          {"header:X-Api-Key|skip", core.HashIdentity("k1")},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := readKey(test.key)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", url, nil)
			r.Header = http.Header{
				"X-Api-Key": {"k1"}, "X-Twice": {"a", "b"}, "X-Plus": {"a+b%"}, "X-Empty": {""},
				"Cookie": {"session=s1"},
			}
			if got := identity(&k, r, client); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A header is an address's namesake only if its hash were one.
func TestHeaderIsNoAddress(t *testing.T) {
	k, err := readKey("header:X-Real-Ip|ip")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Real-Ip", client.String())
	if got := identity(&k, r, netip.MustParseAddr("198.51.100.1")); got == client.String() {
		t.Errorf("a client that writes %s in a header is counted as %s", client, got)
	}
}

func TestKeyMistakes(t *testing.T) {
	for _, text := range []string{
		"user", "header", "header:", "ip:4", "path:/x", "ip|", "|ip", "ip++path", "skip", "skip|ip", "ip+skip", "ip|skip|host",
	} {
		if _, err := readKey(text); err == nil {
			t.Errorf("%q is taken for a key", text)
		}
	}
}

func TestIdentityOfIPv6(t *testing.T) {
	for _, test := range []struct {
		v4, v6     int
		addr, want string
	}{
		{0, 64, "2001:db8:1:2:3::4", "2001:db8:1:2::/64"},
		{0, 0, "2001:db8:1:2:3::4", "2001:db8:1:2:3::4"},
		{24, 64, "203.0.113.7", "203.0.113.0/24"},
	} {
		k := key{choices: [][]keyPart{{{kind: keyIP}}}, v4: test.v4, v6: test.v6}
		if got := identity(&k, httptest.NewRequest("GET", "/", nil), netip.MustParseAddr(test.addr)); got != test.want {
			t.Errorf("%s by /%d and /%d: got %s, want %s", test.addr, test.v4, test.v6, got, test.want)
		}
	}
}

func TestHostName(t *testing.T) {
	for host, want := range map[string]string{
		"Example.COM": "example.com", "example.com:8080": "example.com", "example.com.": "example.com",
		"[::1]:80": "[::1]", "[::1]": "[::1]", "": "",
	} {
		if got := hostName(host); got != want {
			t.Errorf("hostName(%q) = %q, want %q", host, got, want)
		}
	}
}
