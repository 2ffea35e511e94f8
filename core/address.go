package core

import (
	"net/netip"
	"strings"
)

// Networks are addresses and networks, such as proxies to trust or clients to
// exempt.
type Networks []netip.Prefix

// ParseNetworks reads addresses and networks in CIDR notation. Errors are of
// type *OptionError, for the option given.
func ParseNetworks(option string, list []string) (Networks, error) {
	var networks Networks
	for _, s := range list {
		text := strings.TrimSpace(s)
		// A zone may have a slash in it.
		if addr, err := netip.ParseAddr(text); err == nil && !strings.Contains(text, "/") {
			addr = addr.Unmap().WithZone("")
			networks = append(networks, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, &OptionError{option, s, "an address or a network such as 10.0.0.0/8 or 2001:db8::/32"}
		}
		networks = append(networks, unmapped(network).Masked())
	}
	return networks, nil
}

// unmapped is the IPv4 network that ::ffff:a.b.c.d/n stands for: addresses are
// unmapped before they are looked up.
func unmapped(network netip.Prefix) netip.Prefix {
	if addr := network.Addr(); addr.Is4In6() && network.Bits() >= 96 {
		return netip.PrefixFrom(addr.Unmap(), network.Bits()-96)
	}
	return network
}

// Contains reports whether the address is in one of the networks.
func (n Networks) Contains(addr netip.Addr) bool {
	if len(n) == 0 {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, network := range n {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// maxHops is how many entries of X-Forwarded-For are looked at: more proxies in
// a row do not exist, and a client can send thousands of entries.
const maxHops = 64

// ClientAddress is the address of the client that a request came from: the peer
// or, where that is a trusted proxy, the rightmost address in X-Forwarded-For,
// over all its lines, that is not one. A client can write whatever it likes to
// the left of what the first trusted proxy appended, and none of that is looked
// at. Where an entry is no address, the proxy that sent it is the client.
//
// The result is invalid only where peer, a host:port, has no address in it.
func ClientAddress(peer string, forwarded []string, trusted Networks) netip.Addr {
	addr := ParseHost(peer)
	if len(trusted) == 0 || !trusted.Contains(addr) {
		return addr
	}
	hops := 0
	for i := len(forwarded) - 1; i >= 0; i-- {
		line := forwarded[i]
		for more := true; more; {
			entry := line
			comma := strings.LastIndexByte(line, ',')
			if more = comma >= 0; more {
				entry, line = line[comma+1:], line[:comma]
			}
			hop := ParseHost(strings.TrimSpace(entry))
			if hops++; hops > maxHops || !hop.IsValid() {
				return addr
			}
			if addr = hop; !trusted.Contains(addr) {
				return addr
			}
		}
	}
	return addr
}

// maxHost is the longest text that can be an address with a port and a zone.
const maxHost = 128

// ParseHost reads an address with or without a port and brackets. IPv4-mapped
// IPv6 becomes IPv4, and a zone is dropped. It is invalid for anything else.
func ParseHost(s string) netip.Addr {
	if len(s) > maxHost {
		return netip.Addr{}
	}
	addrPort, err := netip.ParseAddrPort(s)
	if err == nil {
		return addrPort.Addr().Unmap().WithZone("")
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
