package caddymodule

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"pgregory.net/rapid"
)

// TestAnyCaddyfile: whatever a directive says, it is read or refused; and what is
// read is right in JSON, too. Not a fuzz target: its build would instrument all
// of Caddy.
func TestAnyCaddyfile(t *testing.T) {
	words := slices.Concat(directiveNames, zoneNames, redisNames, tlsNames, responseNames, distributedNames, []string{
		"limit a", "limit b", "zone z", "redis a:1", "redis redis://u:p@h:1/2", "unix:///x", "rate 1/s", "rate 9/m, 1/s",
		"{", "}", "{\n", "\n}\n", "0", "1", "-1", "99999999999", "0.5", "NaN", "1s", "1d", "-1s", "10/s", "0/1m", "unlimited", "token-bucket",
		"leaky-bucket", "sliding-log", "deny", "off", "x-ratelimit", "{client_ip}", "{header.X}", "{", "::1/64", "path /a", "file_system /x", `"`, "`", `\`, "<<E", "",
	})
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		text.WriteString("weir ")
		for _, word := range rapid.SliceOfN(rapid.SampledFrom(words), 0, 30).Draw(t, "words") {
			text.WriteString(word)
			text.WriteString(rapid.SampledFrom([]string{" ", "\n", " {\n", "\n}\n"}).Draw(t, "space"))
		}
		tokens, err := caddyfile.Tokenize([]byte(text.String()), "Caddyfile")
		if err != nil {
			return
		}
		handler, err := ParseCaddyfile(httpcaddyfile.Helper{Dispenser: caddyfile.NewDispenser(tokens)})
		if err != nil {
			return
		}
		encoded, err := json.Marshal(handler)
		if err != nil {
			t.Fatal(err)
		}
		again := new(Handler)
		if err := json.Unmarshal(encoded, again); err != nil {
			t.Fatalf("%v: %s", err, encoded)
		}
		if err := again.checkLimits(); err != nil {
			t.Errorf("%v: %s", err, encoded)
		}
		if err := again.Settings.check(); err != nil {
			t.Errorf("%v: %s", err, encoded)
		}
	})
}
