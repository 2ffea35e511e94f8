package core_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/weirproxy/weir/core"
)

func networks(t testing.TB, list ...string) core.Networks {
	t.Helper()
	n, err := core.ParseNetworks("trusted_proxies", list)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestParseNetworks(t *testing.T) {
	n := networks(t, "10.0.0.0/8", " 192.0.2.1 ", "2001:db8::/32", "::ffff:198.51.100.0/120", "::1", "fe80::1%eth0")
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "11.0.0.1": false, "192.0.2.1": true, "192.0.2.2": false,
		"2001:db8:1::1": true, "2001:db9::1": false, "::1": true, "fe80::1%wlan0": true,
		"::ffff:10.9.9.9": true, "198.51.100.7": true, "198.51.101.7": false,
	} {
		if got := n.Contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if n.Contains(netip.Addr{}) || core.Networks(nil).Contains(netip.MustParseAddr("::1")) {
		t.Error("no address, or no network, contains something")
	}
	for _, bad := range []string{"", "10.0.0.0/33", "10.0.0/8", "example.com", "fe80::1%eth0/64", "10.0.0.1:80"} {
		_, err := core.ParseNetworks("exempt", []string{"::1", bad})
		mistake(t, bad, err, "exempt", "10.0.0.0/8")
	}
}

func TestParseHost(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:443": "2001:db8::1",
		"2001:db8::1": "2001:db8::1", "[2001:db8::1]": "2001:db8::1", "fe80::1%eth0": "fe80::1",
		"[fe80::1%eth0]:80": "fe80::1", "::ffff:192.0.2.1": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1",
	} {
		if got := core.ParseHost(text); got.String() != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	for _, text := range []string{
		"", "@", "unknown", "_hidden", "192.0.2.1:", "192.0.2.1:http", "192.0.2", "0x7f.1", "127.1", "[192.0.2.1",
		"192.0.2.1]", "[[::1]]", " 192.0.2.1", "192.0.2.1\n", "example.com:80", "1.2.3.4.5", "01.2.3.4",
		"::1%" + strings.Repeat("z", 200), "192.0.2.1,192.0.2.2", `"192.0.2.1"`,
	} {
		if got := core.ParseHost(text); got.IsValid() {
			t.Errorf("%q is no address, and read as %v", text, got)
		}
	}
}

func TestClientAddress(t *testing.T) {
	trusted := networks(t, "10.0.0.0/8", "2001:db8:ff::/48")
	tests := map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no header":                    {"10.0.0.1:80", nil, "10.0.0.1"},
		"peer is not trusted":          {"192.0.2.9:80", []string{"198.51.100.1"}, "192.0.2.9"},
		"one hop":                      {"10.0.0.1:80", []string{"198.51.100.1"}, "198.51.100.1"},
		"leftmost lies":                {"10.0.0.1:80", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		"trusted hops":                 {"10.0.0.1:80", []string{"1.1.1.1, 198.51.100.1, 10.0.0.3,10.0.0.2"}, "198.51.100.1"},
		"several lines":                {"10.0.0.1:80", []string{"1.1.1.1", "198.51.100.1", "10.0.0.3, 10.0.0.2"}, "198.51.100.1"},
		"a lie that is trusted":        {"10.0.0.1:80", []string{"10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		"all trusted":                  {"10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"port":                         {"10.0.0.1:80", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		"ipv6":                         {"[2001:db8:ff::1]:80", []string{"2001:db8::7"}, "2001:db8::7"},
		"ipv6 with port and zone":      {"10.0.0.1:80", []string{"[fe80::7%eth0]:80"}, "fe80::7"},
		"mapped peer":                  {"[::ffff:10.0.0.1]:80", []string{"198.51.100.1"}, "198.51.100.1"},
		"mapped hop":                   {"10.0.0.1:80", []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		"mapped client":                {"10.0.0.1:80", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"garbage at the right":         {"10.0.0.1:80", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		"garbage behind a trusted hop": {"10.0.0.1:80", []string{"198.51.100.1, <script>, 10.0.0.2"}, "10.0.0.2"},
		"garbage to the left":          {"10.0.0.1:80", []string{"rubbish, 198.51.100.1"}, "198.51.100.1"},
		"an empty entry":               {"10.0.0.1:80", []string{"198.51.100.1,"}, "10.0.0.1"},
		"an empty line":                {"10.0.0.1:80", []string{"198.51.100.1", ""}, "10.0.0.1"},
		"thousands of trusted entries": {"10.0.0.1:80", []string{"198.51.100.1" + strings.Repeat(", 10.0.0.2", 5000)}, "10.0.0.2"},
		"thousands of untrusted":       {"10.0.0.1:80", []string{strings.Repeat("1.1.1.1, ", 5000) + "198.51.100.1"}, "198.51.100.1"},
		"thousands of lines":           {"10.0.0.1:80", append(make([]string, 5000), "198.51.100.1"), "198.51.100.1"},
		"no port at the peer":          {"10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		"a peer that is no address":    {"@", []string{"198.51.100.1"}, "invalid IP"},
		"tabs and spaces":              {"10.0.0.1:80", []string{"\t198.51.100.1 ,\t10.0.0.2\t"}, "198.51.100.1"},
	}
	for name, test := range tests {
		if got := core.ClientAddress(test.peer, test.forwarded, trusted); got.String() != test.want {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
	if got := core.ClientAddress("10.0.0.1:80", []string{"198.51.100.1"}, nil); got.String() != "10.0.0.1" {
		t.Errorf("nobody is trusted: %v", got)
	}
}

func TestIdentities(t *testing.T) {
	for _, test := range []struct {
		addr   string
		v4, v6 int
		want   string
	}{
		{"192.0.2.77", 0, 64, "192.0.2.77"},
		{"192.0.2.77", 24, 64, "192.0.2.0/24"},
		{"192.0.2.77", 32, 64, "192.0.2.77"},
		{"::ffff:192.0.2.77", 0, 64, "192.0.2.77"},
		{"::ffff:192.0.2.77", 24, 64, "192.0.2.0/24"},
		{"2001:db8:1:2:3:4:5:6", 0, 64, "2001:db8:1:2::/64"},
		{"2001:db8:1:2:3:4:5:6", 0, 0, "2001:db8:1:2:3:4:5:6"},
		{"2001:db8:1:2:3:4:5:6", 0, 128, "2001:db8:1:2:3:4:5:6"},
		{"fe80::1%eth0", 0, 0, "fe80::1"},
		{"fe80::1%eth0", 0, 64, "fe80::/64"},
	} {
		if got := core.AddressIdentity(netip.MustParseAddr(test.addr), test.v4, test.v6); got != test.want {
			t.Errorf("%s by /%d and /%d: %s, want %s", test.addr, test.v4, test.v6, got, test.want)
		}
	}
	if got := core.AddressIdentity(netip.Addr{}, 0, 64); got != core.Unknown {
		t.Errorf("no address: %s", got)
	}
	secret := "Bearer " + strings.Repeat("s3cret", 10_000)
	hash := core.HashIdentity(secret)
	if len(hash) != 32 || strings.Contains(hash, "s3cret") || hash == core.HashIdentity(secret+"!") || hash != core.HashIdentity(secret) {
		t.Errorf("hash of a long key: %s", hash)
	}
	if core.HashIdentity("192.0.2.1") == "192.0.2.1" {
		t.Error("a key can pass for an address")
	}
}

// FuzzClientAddress forges what a client can forge, which is all to the left of
// what the trusted proxy in front appended.
func FuzzClientAddress(f *testing.F) {
	f.Add("1.1.1.1, 2.2.2.2")
	f.Add("10.0.0.1,10.0.0.2")
	f.Add("[::1]:80,unknown,,%,\x00,::ffff:10.0.0.1")
	trusted := networks(f, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, forged string) {
		for _, forwarded := range [][]string{{forged, "198.51.100.7"}, {forged + ", 198.51.100.7"}, {forged + ",198.51.100.7:80, 10.1.1.1"}} {
			if got := core.ClientAddress("10.0.0.1:80", forwarded, trusted); got.String() != "198.51.100.7" {
				t.Errorf("%q: %v", forwarded, got)
			}
		}
		got := core.ClientAddress("10.0.0.1:80", []string{forged}, trusted)
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q: %v", forged, got)
		}
	})
}

func FuzzParseHost(f *testing.F) {
	for _, seed := range []string{"192.0.2.1:80", "[::1%lo]:1", "::ffff:1.2.3.4", "[", "]", ":", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		addr := core.ParseHost(s)
		if addr.IsValid() && (addr.Zone() != "" || addr.Is4In6() || core.ParseHost(addr.String()) != addr) {
			t.Errorf("%q: %v", s, addr)
		}
	})
}

func FuzzParseNetworks(f *testing.F) {
	f.Add("10.0.0.0/8")
	f.Add("::ffff:1.2.3.4/97")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := core.ParseNetworks("x", []string{s})
		if err != nil {
			return
		}
		// A network contains the address that it was written with.
		written, _, _ := strings.Cut(strings.TrimSpace(s), "/")
		addr := netip.MustParseAddr(written)
		mapped := addr.Is4In6() && n[0].Addr().Is6() // wider than all of IPv4
		if !n.Contains(addr) && !mapped {
			t.Errorf("%q does not contain itself: %v", s, n)
		}
	})
}
