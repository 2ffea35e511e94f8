package caddymodule

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// TestMistakes finds each mistake when the Caddyfile is read, with the option,
// the value, what would be right, and the line.
func TestMistakes(t *testing.T) {
	for name, test := range map[string]struct{ block, want string }{
		"fail/unknown-option":           {"brust 3\nrate 1/s", `unknown option: "brust": want burst, at Caddyfile:3`},
		"fail/unknown-limit-option":     {"limit a {\n\trate 1/s\n\talgorythm x\n}", `limit a: unknown option: "algorythm": want algorithm, at Caddyfile:5`},
		"fail/unknown-redis-option":     {"redis a:1 {\n\tpasword x\n}", `redis: unknown option: "pasword": want password, at Caddyfile:4`},
		"fail/unknown-tls-option":       {"redis a:1 {\n\ttls {\n\t\tcacert x\n\t}\n}", `redis: tls: unknown option: "cacert": want cert, at Caddyfile:5`},
		"fail/lease":                    {"limit a {\n\trate 1/s\n\tlease many\n}", `limit a: lease: "many": want a number of units and for how long, such as 50 1s, or the number alone, at Caddyfile:5`},
		"fail/lease-of-none":            {"rate 9/s\nlease 0", `lease: "0": want a number of units from 1 to 1000000000, at Caddyfile:4`},
		"fail/lease-above-rate":         {"rate 9/s\nlease 50 1s", `lease: "50 1s": want a number of units from 1 to 9, all that 9/1s can let pass at once, at Caddyfile:4`},
		"fail/lease-above-window":       {"rate 9/s\nlease 5 2s", `lease: "5 2s": want a time no longer than 1m and the limit's window, 1s, at Caddyfile:4`},
		"fail/lease-leaky-bucket":       {"rate 9/s\nalgorithm leaky-bucket\nlease 5", `lease: "5": want no lease with leaky-bucket, which spaces requests one by one, at Caddyfile:5`},
		"fail/lease-max-wait":           {"rate 9/s\nalgorithm token-bucket\nmax_wait 1s\nlease 5", `lease: "5": want no lease beside max_wait`},
		"fail/lease-missing":            {"rate 1/s\nlease", `wrong argument count`},
		"fail/trusted-proxies":          {"rate 1/s\ntrusted_proxies 10.0.0.0/8", `unknown option: "trusted_proxies"`},
		"fail/no-limit":                 {"headers off", `no limit: want a rate, such as 100/1m, or limits, at Caddyfile:2`},
		"fail/rate":                     {"rate 100/fortnight", `rate: "100/fortnight": want a window such as`},
		"fail/rate-of-limit":            {"limit a {\n\tkey x\n\trate often\n}", `limit a: rate: "often": want 100/1m`},
		"fail/rate-line":                {"limit a {\n\tkey x\n\trate often\n}", `Caddyfile:5`},
		"fail/no-rate":                  {"limit a {\n\tkey x\n}", `limit a: rate: "": want`},
		"fail/rate-twice":               {"rate 1/s\nrate 2/s", `rate: already set, at Caddyfile:4`},
		"fail/count-too-large":          {"rate 2000000000/s", `want a count from 0 to 1000000000`},
		"fail/window-too-long":          {"rate 1/2y", `want a window from 1ms to 366d`},
		"fail/log-too-long":             {"rate 10001/s\nalgorithm sliding-log", `want a count of at most 10000 for a sliding-log`},
		"fail/algorithm":                {"rate 1/s\nalgorithm token-buckt", `algorithm: "token-buckt": want token-bucket, at Caddyfile:4`},
		"fail/burst-elsewhere":          {"limit a {\n\tburst 5\n\trate 1/s\n}", `limit a: burst: "5": want no burst with sliding-window, or algorithm token-bucket, at Caddyfile:4`},
		"fail/burst-no-number":          {"rate 1/s\nalgorithm token-bucket\nburst many", `burst: "many": want a whole number, at Caddyfile:5`},
		"fail/max-wait-elsewhere":       {"rate 1/s\nmax_wait 1s", `max_wait: "1s": want no wait with sliding-window`},
		"fail/max-wait":                 {"rate 1/s\nalgorithm token-bucket\nmax_wait soon", `max_wait: "soon": want a duration such as 500ms, 2s or 1m, at Caddyfile:5`},
		"fail/cost":                     {"rate 1/s\ncost lots", `cost: "lots": want a number from 1 to 1000000000, or a placeholder, at Caddyfile:4`},
		"fail/cost-never-fits":          {"rate 10/s\ncost 11", `cost: "11": want at most 10, all that 10/1s can let pass at once, at Caddyfile:4`},
		"fail/exempt":                   {"rate 1/s\nexempt 10.0.0.0/8 office", `exempt: "office": want an address or a network such as 10.0.0.0/8`},
		"fail/ipv6-prefix":              {"rate 1/s\nipv6_prefix 129", `ipv6_prefix: "129": want a number of bits from 0 to 128, at Caddyfile:4`},
		"fail/dry-run":                  {"rate 1/s\ndry_run yes", `wrong argument count`},
		"fail/name":                     {"limit a/b {\n\trate 1/s\n}", `name: "a/b": want 1 to 128 letters, digits and - _ . @`},
		"fail/no-name":                  {"limit {\n\trate 1/s\n}", `wrong argument count`},
		"fail/one-name":                 {"limit a {\n\trate 1/s\n}\nlimit a {\n\trate 2/s\n}", `name: "a": want a name of its own for each limit, since limits of one name share counters, at Caddyfile:6`},
		"fail/one-name-of-rates":        {"limit a {\n\trate 1/s, 9/1m\n}\nlimit a-1m {\n\trate 2/s\n}", `name: "a-1m"`},
		"fail/limit-option-beside":      {"algorithm fixed-window\nlimit a {\n\trate 1/s\n}", `algorithm: want it in one of the limits, or no limits beside it, at Caddyfile:3`},
		"fail/no-matcher":               {"rate 1/s\nmatch {\n}", `match: want matchers, such as path /api/*`},
		"fail/unknown-matcher":          {"rate 1/s\nmatch {\n\tpaht /a\n}", `paht`},
		"fail/prefix":                   {"rate 1/s\nprefix a{b}", `prefix: "a{b}": want 1 to 128 letters, digits and - _ . @ :, at Caddyfile:4`},
		"fail/on-error":                 {"rate 1/s\non_error ignore", `on_error: "ignore": want local, allow or deny, at Caddyfile:4`},
		"fail/timeout":                  {"rate 1/s\ntimeout 0s", `timeout: "0s": want a duration of more than 0, such as 100ms, at Caddyfile:4`},
		"fail/headers":                  {"rate 1/s\nheaders ratelimit retry", `headers: "retry": want ratelimit, x-ratelimit or off, at Caddyfile:4`},
		"fail/headers-off-and-more":     {"rate 1/s\nheaders off ratelimit", `want off alone`},
		"fail/response-status":          {"rate 1/s\nresponse {\n\tstatus 200\n}", `response.status: "200": want a status from 400 to 599, at Caddyfile:5`},
		"fail/response-type-alone":      {"rate 1/s\nresponse {\n\tcontent_type text/html\n}", `response.content_type: "text/html": want a body with it, at Caddyfile:5`},
		"fail/jitter":                   {"rate 1/s\njitter 20", `jitter: "20": want a fraction from 0 to 1, at Caddyfile:4`},
		"fail/jitter-no-number":         {"rate 1/s\njitter some", `jitter: "some": want a fraction from 0 to 1, at Caddyfile:4`},
		"fail/max-keys":                 {"rate 1/s\nmax_keys 0", `max_keys: "0": want a number from 1, at Caddyfile:4`},
		"fail/redis-no-address":         {"rate 1/s\nredis {\n\tdb 1\n}", `redis.address`},
		"fail/redis-no-port":            {"rate 1/s\nredis localhost", `redis.address: "localhost": want a port: localhost:6379, at Caddyfile:4`},
		"fail/redis-no-port-in-block":   {"rate 1/s\nredis {\n\tdb 1\n\taddress localhost\n}", `Caddyfile:6`},
		"fail/redis-scheme":             {"rate 1/s\nredis http://localhost", `redis.address: "http://localhost": want host:port`},
		"fail/redis-cluster-db":         {"rate 1/s\nredis a:1 b:2 {\n\tdb 3\n}", `redis.db: "3": want 0: a Cluster has no other, at Caddyfile:5`},
		"fail/redis-cluster-and-master": {"rate 1/s\nredis a:1 {\n\tcluster\n\tmaster m\n}", `redis.cluster: "true"`},
		"fail/redis-certificate":        {"rate 1/s\nredis a:1 {\n\ttls {\n\t\tca /nowhere/ca.pem\n\t}\n}", `redis.tls.ca: "/nowhere/ca.pem": want a file that can be read: no such file or directory, at Caddyfile:6`},
		"fail/redis-key-alone":          {"rate 1/s\nredis a:1 {\n\ttls {\n\t\tkey k.pem\n\t}\n}", `redis.tls.cert`},
		"fail/redis-pool-size":          {"rate 1/s\nredis a:1 {\n\tpool_size none\n}", `redis.pool_size: "none": want a whole number, at Caddyfile:5`},
		"fail/zone-without-window":      {"zone z {\n\tevents 1\n}", `zone z: window: missing, at Caddyfile:3`},
		"fail/zone-without-events":      {"zone z {\n\twindow 1m\n}", `zone z: events: missing, at Caddyfile:3`},
		"fail/zone-option":              {"zone z {\n\tevent 1\n\twindow 1m\n}", `zone z: unknown option: "event": want events, at Caddyfile:4`},
		"fail/zone-events":              {"zone z {\n\tevents -1\n\twindow 1m\n}", `want a count from 0 to 1000000000, at Caddyfile:4`},
		"fail/storage":                  {"rate 1/s\nstorage nowhere", `caddy.storage.nowhere`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := adapt("http://example.com {\n\tweir {\n" + test.block + "\n\t}\n}")
			wantError(t, err, test.want)
		})
	}
}

func TestMistakesInGlobalOption(t *testing.T) {
	for name, test := range map[string]struct{ block, want string }{
		"fail/unknown-option": {"redsi a:1", `unknown option: "redsi": want redis, at Caddyfile:3`},
		"fail/limit":          {"rate 1/s", `unknown option: "rate"`},
		"fail/on-error":       {"on_error shrug", `on_error: "shrug": want local, allow or deny, at Caddyfile:3`},
		"fail/twice":          {"on_error deny\n}\nweir {\nprefix a", `weir: already set, at Caddyfile:5`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := adapt("{\n\tweir {\n" + test.block + "\n\t}\n}\nhttp://example.com {\n\tweir 1/s\n}")
			wantError(t, err, test.want)
		})
	}
}

// TestMistakesInJSON finds the same mistakes where no Caddyfile has been read.
func TestMistakesInJSON(t *testing.T) {
	for name, test := range map[string]struct{ handler, want string }{
		"fail/unknown-option":     {`"limits": [{"name": "a", "rate": "1/s", "brust": 3}]`, `unknown option: "brust": want burst`},
		"fail/unknown-setting":    {`"on_eror": "deny"`, `unknown option: "on_eror": want on_error`},
		"fail/unknown-redis":      {`"redis": {"pasword": "x"}`, `unknown option: "pasword": want password`},
		"fail/unknown-tls":        {`"redis": {"address": "a:1", "tls": {"cacert": "x"}}`, `unknown option: "cacert": want cert`},
		"fail/unknown-response":   {`"response": {"code": 429}`, `unknown option: "code"`},
		"fail/unknown-zone":       {`"rate_limits": {"z": {"events": 1}}`, `unknown option: "events": want one of match, key, max_events`},
		"fail/lease":              {`"limits": [{"name": "a", "rate": "9/s", "lease": "5 long"}]`, `limit a: lease: "5 long": want a number of units and for how long`},
		"fail/lease-no-redis":     {`"limits": [{"name": "a", "rate": "9/s", "lease": 5}]`, `limit a: lease: "5": want redis as well, or no lease: counters in memory`},
		"fail/zone-lease":         {`"rate_limits": {"z": {"max_events": 9, "window": "1m", "lease": 10}}`, `limit z: lease: "10": want a number of units from 1 to 9`},
		"fail/wrong-type":         {`"limits": {"name": "a"}`, `cannot unmarshal object`},
		"fail/no-limit":           {`"headers": ["off"]`, `no limit: want a rate`},
		"fail/null-limit":         {`"limits": [null]`, `name: "": want 1 to 128 letters`},
		"fail/null-zone":          {`"rate_limits": {"z": null}`, `zone z: window: "0s"`},
		"fail/no-name":            {`"limits": [{"rate": "1/s"}]`, `name: "": want 1 to 128 letters`},
		"fail/rate":               {`"limits": [{"name": "a", "rate": "1/x"}]`, `limit a: rate: "1/x": want a window`},
		"fail/one-name":           {`"limits": [{"name": "a", "rate": "1/s"}, {"name": "a", "rate": "1/s"}]`, `name: "a": want a name of its own`},
		"fail/cost":               {`"limits": [{"name": "a", "rate": "1/s", "cost": 2}]`, `cost: "2": want at most 1`},
		"fail/matcher":            {`"limits": [{"name": "a", "rate": "1/s", "match": [{"nothing": {}}]}]`, `limit a: match: `},
		"fail/on-error":           {`"on_error": "x", "limits": [{"name": "a", "rate": "1/s"}]`, `on_error: "x": want local, allow or deny`},
		"fail/timeout":            {`"timeout": "-1s", "limits": [{"name": "a", "rate": "1/s"}]`, `timeout: "-1s": want a duration of more than 0`},
		"fail/redis-address":      {`"redis": {"address": "nowhere"}, "limits": [{"name": "a", "rate": "1/s"}]`, `redis.address: "nowhere": want a port`},
		"fail/redis-no-address":   {`"redis": {}, "limits": [{"name": "a", "rate": "1/s"}]`, `redis.address: "": want host:port`},
		"fail/unknown-place":      {`"redis": {"address": "a:1", "password": "{nothing}"}, "limits": [{"name": "a", "rate": "1/s"}]`, `redis.password: unrecognized placeholder {nothing}`},
		"fail/unknown-place-user": {`"redis": {"address": "redis://:{nothing}@a:1"}, "limits": [{"name": "a", "rate": "1/s"}]`, `redis.address: unrecognized placeholder {nothing}`},
		"fail/zone-window":        {`"rate_limits": {"z": {"max_events": 1}}`, `zone z: window: "0s": want a duration of more than 0, such as 1m`},
		"fail/zone-events":        {`"rate_limits": {"z": {"max_events": -1, "window": "1m"}}`, `limit z: rate: "-1/1m": want a count from 0`},
		"fail/sweep-interval":     {`"sweep_interval": "-1s", "rate_limits": {"z": {"max_events": 1, "window": "1m"}}`, `sweep_interval: "-1s": want a duration of more than 0`},
	} {
		t.Run(name, func(t *testing.T) {
			config := `{"admin": {"disabled": true}, "apps": {"http": {"servers": {"a": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [{"handler": "weir", ` + test.handler + `}]}]}}}}}`
			wantError(t, validate(config), test.want)
		})
	}
}

func validate(config string) error {
	var c caddy.Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return err
	}
	return caddy.Validate(&c)
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
