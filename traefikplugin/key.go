package traefikplugin

import (
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"

	"github.com/weirproxy/weir/core"
)

// keyKind is what one part of a key is taken from.
type keyKind int

const (
	keyIP keyKind = iota
	keyHeader
	keyCookie
	keyQuery
	keyHost
	keyPath
	keyMethod
	keyGlobal
)

var keyKinds = map[string]keyKind{
	"ip": keyIP, "header": keyHeader, "cookie": keyCookie, "query": keyQuery,
	"host": keyHost, "path": keyPath, "method": keyMethod, "global": keyGlobal,
}

const keyForms = "ip, header:NAME, cookie:NAME, query:NAME, host, path, method or global, joined with + and |, or |skip at the end"

type keyPart struct {
	kind keyKind
	name string
}

// key says who is counted. The first choice of which no part is missing names
// the identity.
type key struct {
	text    string
	choices [][]keyPart

	// skip leaves requests uncounted for which all choices are missing; they
	// are counted by their address otherwise.
	skip bool

	// onlyIP is the usual key.
	onlyIP bool

	// v4 and v6 are how many bits of an address count, 0 for all.
	v4, v6 int
}

// readKey reads such as "header:X-Api-Key+path|ip"; "" is "ip". Errors are of
// type *core.OptionError, for the option "key".
func readKey(text string) (key, error) {
	if text == "" {
		text = "ip"
	}
	k := key{text: text, v6: core.DefaultIPv6Prefix}
	choices := strings.Split(text, "|")
	for i, choice := range choices {
		choice = strings.TrimSpace(choice)
		if choice == "skip" && i > 0 && i == len(choices)-1 {
			k.skip = true
			break
		}
		var parts []keyPart
		for _, s := range strings.Split(choice, "+") {
			part, ok := readKeyPart(strings.TrimSpace(s))
			if !ok {
				return k, &core.OptionError{Option: "key", Value: text, Want: keyForms}
			}
			parts = append(parts, part)
		}
		k.choices = append(k.choices, parts)
	}
	k.onlyIP = len(k.choices) == 1 && len(k.choices[0]) == 1 && k.choices[0][0].kind == keyIP
	return k, nil
}

func readKeyPart(s string) (keyPart, bool) {
	word, name, named := strings.Cut(s, ":")
	kind, known := keyKinds[strings.ToLower(word)]
	needsName := kind == keyHeader || kind == keyCookie || kind == keyQuery
	if !known || named != needsName || needsName && name == "" {
		return keyPart{}, false
	}
	if kind == keyHeader {
		// HTTP servers take this one out of the headers.
		if name = textproto.CanonicalMIMEHeaderKey(name); name == "Host" {
			return keyPart{kind: keyHost}, true
		}
	}
	return keyPart{kind, name}, true
}

// identity names who sent the request, "" for nobody who counts.
func identity(k *key, r *http.Request, client netip.Addr) string {
	for _, parts := range k.choices {
		if len(parts) == 1 {
			if parts[0].kind == keyIP {
				return core.AddressIdentity(client, k.v4, k.v6)
			}
			if value := partValue(k, parts[0], r, client); value != "" {
				return core.HashIdentity(value)
			}
			continue
		}
		if joined := joinParts(k, parts, r, client); joined != "" {
			return core.HashIdentity(joined)
		}
	}
	if k.skip {
		return ""
	}
	return core.AddressIdentity(client, k.v4, k.v6)
}

// escape keeps "a+b" joined to "c" apart from "a" joined to "b+c".
var escape = strings.NewReplacer("%", "%25", "+", "%2B")

// joinParts is "" where a part is missing.
func joinParts(k *key, parts []keyPart, r *http.Request, client netip.Addr) string {
	joined := ""
	for i, part := range parts {
		value := partValue(k, part, r, client)
		if value == "" {
			return ""
		}
		if i > 0 {
			joined += "+"
		}
		joined += escape.Replace(value)
	}
	return joined
}

func partValue(k *key, part keyPart, r *http.Request, client netip.Addr) string {
	switch part.kind {
	case keyIP:
		return core.AddressIdentity(client, k.v4, k.v6)
	case keyHeader:
		return strings.Join(r.Header[part.name], ",")
	case keyCookie:
		if cookie, err := r.Cookie(part.name); err == nil {
			return cookie.Value
		}
		return ""
	case keyQuery:
		return strings.Join(r.URL.Query()[part.name], ",")
	case keyHost:
		return hostName(r.Host)
	case keyPath:
		return r.URL.Path
	case keyMethod:
		return r.Method
	}
	return "global"
}

// hostName is a host in lower case, without a port and the dot of a full name.
func hostName(host string) string {
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		host = host[:colon]
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
