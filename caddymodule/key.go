package caddymodule

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/weirproxy/weir/core"
)

// key is who a limit counts.
type key struct {
	kind keyKind

	// source is the key as it was written.
	source string

	// text is the identity of a keyFixed, the placeholder of a keyPlaceholder
	// without its braces, the whole text of a keyText.
	text string

	v4, v6 int // leading bits of an address that count

	// masked keys that come out as an address are cut to those bits, too.
	masked bool
}

type keyKind int

const (
	keyClient      keyKind = iota // the client's address, over trusted proxies
	keyPeer                       // the address of whoever is connected
	keyFixed                      // one identity for all
	keyPlaceholder                // a single placeholder
	keyText                       // text with placeholders in it
)

func parseKey(s string, v4, v6 int, masked bool) key {
	k := key{source: s, v4: v4, v6: v6, masked: masked}
	name, single := singlePlaceholder(s)
	switch {
	case s == "", s == "{client_ip}", name == "http.vars."+caddyhttp.ClientIPVarKey:
		k.kind, k.source = keyClient, "{client_ip}"
	case s == "{remote_host}", name == "http.request.remote.host":
		k.kind = keyPeer
	case single:
		k.kind, k.text = keyPlaceholder, name
	case hasPlaceholder(s):
		k.kind, k.text = keyText, s
	default:
		k.kind, k.text = keyFixed, core.HashIdentity(s)
	}
	return k
}

// identity is who a request is counted as. What comes out empty is counted by
// the client's address: it would be one bucket for everybody who leaves a header
// out.
func (k *key) identity(r *http.Request, repl *caddy.Replacer) string {
	switch k.kind {
	case keyPeer:
		return core.AddressIdentity(core.ParseHost(r.RemoteAddr), k.v4, k.v6)
	case keyFixed:
		return k.text
	}
	if text := k.expand(repl); text != "" {
		return k.hash(text)
	}
	return core.AddressIdentity(clientAddress(r), k.v4, k.v6)
}

// expand replaces placeholders. It is empty where they all are, whatever text
// stands between them.
func (k *key) expand(repl *caddy.Replacer) string {
	switch k.kind {
	case keyPlaceholder:
		value, _ := repl.Get(k.text)
		return caddy.ToString(value)
	case keyText:
		empty := true
		// The function returns no error, and the replacer has one of its own
		// only for text that no configuration has.
		expanded, _ := repl.ReplaceFunc(k.text, func(_ string, value any) (any, error) {
			s := caddy.ToString(value)
			empty = empty && s == ""
			return s, nil
		})
		if !empty {
			return expanded
		}
	}
	return ""
}

func (k *key) hash(text string) string {
	if k.masked {
		if addr, err := netip.ParseAddr(text); err == nil {
			text = core.AddressIdentity(addr, k.v4, k.v6)
		}
	}
	return core.HashIdentity(text)
}

// identify is the identity of what the key comes out as, as an operator writes
// it.
func (k *key) identify(text string) (string, error) {
	switch k.kind {
	case keyClient, keyPeer:
		if network, err := netip.ParsePrefix(text); err == nil {
			return network.Masked().String(), nil
		}
		addr := core.ParseHost(text)
		if !addr.IsValid() && text != core.Unknown {
			return "", &core.OptionError{Option: "identity", Value: text, Want: "an address, which is what the limit counts"}
		}
		return core.AddressIdentity(addr, k.v4, k.v6), nil
	case keyFixed:
		if text != k.source {
			return "", &core.OptionError{Option: "identity", Value: text, Want: k.source + ", the only one that the limit counts"}
		}
		return k.text, nil
	}
	return k.hash(text), nil
}

// clientAddress is the address of the client as the server's trusted_proxies
// have it.
func clientAddress(r *http.Request) netip.Addr {
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return core.ParseHost(text)
}

func hasPlaceholder(s string) bool { return strings.Contains(s, "{") }

// singlePlaceholder returns the name in s, if s is one placeholder and no more.
func singlePlaceholder(s string) (string, bool) {
	name, found := strings.CutPrefix(s, "{")
	name, closed := strings.CutSuffix(name, "}")
	return name, found && closed && !strings.ContainsAny(name, `{}\`)
}
