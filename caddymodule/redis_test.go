package caddymodule

import (
	"strings"
	"testing"

	"github.com/weirproxy/weir/core/redistest"
)

func TestRedis(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "p@ss/w#rd%")
	t.Setenv("WEIR_TEST_PASSWORD", "p@ss/w#rd%")
	const site = `{
	weir {
		redis redis://:{env.WEIR_TEST_PASSWORD}@ADDR/0
		prefix shared
	}
}
LISTEN {
	weir 2/1h
	respond ok
}`
	s := serve(t, strings.Replace(site, "ADDR", server.Addr(), 1))
	equal(t, "statuses", s.statuses(3, "/"), "200 200 429")
	equal(t, "keys", server.MustDo("KEYS", "*"), "shared:{default:127.0.0.1}:sw")
}
