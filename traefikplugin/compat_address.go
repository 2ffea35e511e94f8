package traefikplugin

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/weirproxy/weir/core"
)

// maxDepth is how many entries of X-Forwarded-For are looked at, from the right.
const maxDepth = 64

// forwardedFor is Traefik's ipStrategy: which entry of X-Forwarded-For is the
// client's, counted or searched for from the right. Traefik looks at the first
// of several lines only, and takes whatever text is there; here it is all lines,
// and an entry that is missing or no address leaves the peer's address.
type forwardedFor struct {
	// depth is which entry, 1 for the last; 0 for the first that is not excluded.
	depth    int
	excluded core.Networks
}

// readIPStrategy returns nil where the peer's address counts. Errors are of type
// *core.OptionError.
func readIPStrategy(c *Config) (*forwardedFor, error) {
	if c.SourceCriterion == nil || c.SourceCriterion.IPStrategy == nil {
		return nil, nil
	}
	s := c.SourceCriterion.IPStrategy
	depth, err := readBetween("sourceCriterion.ipStrategy.depth", s.Depth, 0, 0, maxDepth)
	if err != nil {
		return nil, err
	}
	excluded, err := core.ParseNetworks("sourceCriterion.ipStrategy.excludedIPs", trimmed(s.ExcludedIPs))
	if err != nil || depth == 0 && len(excluded) == 0 {
		return nil, err
	}
	if len(trimmed(c.TrustedProxies)) > 0 {
		return nil, &core.OptionError{Option: "trustedProxies", Value: strings.Join(c.TrustedProxies, ","), Want: "none beside ipStrategy, or trustedProxies alone"}
	}
	return &forwardedFor{int(depth), excluded}, nil
}

func forwardedClient(f *forwardedFor, r *http.Request) netip.Addr {
	peer := core.ParseHost(r.RemoteAddr)
	lines := r.Header["X-Forwarded-For"]
	seen := 0
	for i := len(lines) - 1; i >= 0; i-- {
		line := lines[i]
		for more := true; more && seen < maxDepth; {
			entry := line
			comma := strings.LastIndexByte(line, ',')
			if more = comma >= 0; more {
				entry, line = line[comma+1:], line[:comma]
			}
			entry = strings.TrimSpace(entry)
			seen++
			if f.depth > 0 && seen < f.depth || f.depth == 0 && entry == "" {
				continue
			}
			addr := core.ParseHost(entry)
			if !addr.IsValid() {
				return peer
			}
			if f.depth > 0 || !f.excluded.Contains(addr) {
				return addr
			}
		}
	}
	return peer
}
