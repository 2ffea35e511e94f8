package traefikplugin

import (
	"testing"

	"github.com/weirproxy/weir/core"
)

// The short way to an identity leads where the long one does.
func TestPeerIdentity(t *testing.T) {
	for _, peer := range []string{
		"203.0.113.7:4711", "203.0.113.7", "[2001:db8::1]:80", "2001:db8::1", "[::ffff:203.0.113.7]:80", "[fe80::1%eth0]:80", "@", "",
	} {
		r := &rule{key: key{v6: 64}}
		if got, want := peerIdentity(r, peer), core.AddressIdentity(core.ParseHost(peer), 0, 64); got != want {
			t.Errorf("%q: got %s, want %s", peer, got, want)
		}
	}
}
