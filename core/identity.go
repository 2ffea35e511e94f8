package core

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
)

// Unknown is the identity of clients that have no address, such as those of a
// unix socket.
const Unknown = "unknown"

// DefaultIPv6Prefix is how many bits of an IPv6 address count by default.
const DefaultIPv6Prefix = 64

// AddressIdentity is the identity of a client's address. IPv4-mapped IPv6 is
// counted as the IPv4 address in it. v4 and v6 are how many leading bits count,
// 0 for all. DefaultIPv6Prefix makes one client of an IPv6 network, since a host
// in it can choose any of its addresses.
func AddressIdentity(addr netip.Addr, v4, v6 int) string {
	if !addr.IsValid() {
		return Unknown
	}
	addr = addr.Unmap().WithZone("")
	bits := v4
	if addr.Is6() {
		bits = v6
	}
	if bits == 0 || bits >= addr.BitLen() {
		return addr.String()
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return addr.String()
	}
	return network.String()
}

// HashIdentity is the identity of anything but an address: the first 128 bits
// of its SHA-256 in hex. No API key or cookie is readable in a store, none is
// long, and none looks like an address.
func HashIdentity(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
