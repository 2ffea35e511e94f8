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

	// text is the identity of a keyFixed, the placeholder of a keyPlaceholder
	// without its braces, the whole text of a keyText.
	text string

	v4, v6 int // leading bits of an address that count
}

type keyKind int

const (
	keyClient      keyKind = iota // the client's address, over trusted proxies
	keyPeer                       // the address of whoever is connected
	keyFixed                      // one identity for all
	keyPlaceholder                // a single placeholder
	keyText                       // text with placeholders in it
)

func parseKey(s string, v4, v6 int) key {
	k := key{v4: v4, v6: v6}
	name, single := singlePlaceholder(s)
	switch {
	case s == "", s == "{client_ip}", name == "http.vars."+caddyhttp.ClientIPVarKey:
		k.kind = keyClient
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

// address reports whether the key is an address, which a store shows as it is.
func (k key) address() bool { return k.kind == keyClient || k.kind == keyPeer }

// identity is who a request is counted as. What comes out empty is counted by
// the client's address: it would be one bucket for everybody who leaves a header
// out.
func (k key) identity(r *http.Request, repl *caddy.Replacer) string {
	var text string
	switch k.kind {
	case keyPeer:
		return core.AddressIdentity(core.ParseHost(r.RemoteAddr), k.v4, k.v6)
	case keyFixed:
		return k.text
	case keyPlaceholder:
		if value, known := repl.Get(k.text); known {
			text = caddy.ToString(value)
		}
	case keyText:
		text = expand(repl, k.text)
	}
	if text == "" {
		return core.AddressIdentity(clientAddress(r), k.v4, k.v6)
	}
	return core.HashIdentity(text)
}

// expand replaces placeholders. It is empty where they all are, whatever text
// stands between them.
func expand(repl *caddy.Replacer, text string) string {
	empty := true
	// The function returns no error, and ReplaceFunc has none of its own for a
	// text that has been provisioned.
	expanded, _ := repl.ReplaceFunc(text, func(_ string, value any) (any, error) {
		s := caddy.ToString(value)
		empty = empty && s == ""
		return s, nil
	})
	if empty {
		return ""
	}
	return expanded
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
