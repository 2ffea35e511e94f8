package plugintest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mistakes are configurations with what is said about them: the option, its
// value, and what would be right.
var mistakes = map[string]struct{ yaml, want string }{
	"unknown option":           {`{rate: 1/s, brust: 3}`, `unknown option: "brust": want burst`},
	"unknown option of none":   {`{rate: 1/s, colour: red}`, `unknown option: "colour": want one of name, rate, `},
	"unknown in limits":        {`{limits: [{name: a, rate: 1/s}, {name: b, rate: 1/s, algoritm: x}]}`, `unknown option: "limits[1].algoritm": want algorithm`},
	"unknown in match":         {`{rate: 1/s, match: {path: /x}}`, `unknown option: "match.path": want paths`},
	"unknown in redis":         {`{rate: 1/s, redis: {addres: "a:1"}}`, `unknown option: "redis.addres": want address`},
	"unknown in tls":           {`{rate: 1/s, redis: {address: "a:1", tls: {cas: x}}}`, `unknown option: "redis.tls.cas": want ca`},
	"unknown in response":      {`{rate: 1/s, response: {colour: red}}`, `unknown option: "response.colour": want one of status, contentType, body`},
	"unknown in criterion":     {`{average: 1, sourceCriterion: {requestHeader: X}}`, `unknown option: "sourceCriterion.requestHeader": want requestHeaderName`},
	"unknown in ipStrategy":    {`{average: 1, sourceCriterion: {ipStrategy: {deph: 1}}}`, `unknown option: "sourceCriterion.ipStrategy.deph": want depth`},
	"no rate":                  {`{algorithm: token-bucket}`, `rate: "": want 100/1m, `},
	"rate":                     {`{rate: 100 a minute}`, `rate: "100 a minute": want 100/1m, `},
	"rate of one":              {`{rate: 100}`, `rate: "100": want 100/1m, `},
	"rate's count":             {`{rate: 2000000000/1m}`, `rate: "2000000000/1m": want a count from 0 to 1000000000`},
	"rate's window":            {`{rate: 1/400d}`, `rate: "1/400d": want a window from 1ms to 366d`},
	"rates of one window":      {`{rate: "10/1m, 20/60s"}`, `rate: "10/1m, 20/60s": want one rate for each window`},
	"sliding-log's count":      {`{rate: 10001/1m, algorithm: sliding-log}`, `rate: "10001/1m": want a count of at most 10000 for a sliding-log`},
	"algorithm":                {`{rate: 1/s, algorithm: token-buket}`, `algorithm: "token-buket": want token-bucket`},
	"burst where none belongs": {`{rate: 1/s, burst: 5}`, `burst: "5": want no burst with sliding-window, or algorithm token-bucket`},
	"burst is no number":       {`{rate: 1/s, algorithm: token-bucket, burst: many}`, `burst: "many": want a whole number`},
	"maxWait without a bucket": {`{rate: 1/s, maxWait: 1s}`, `maxWait: "1s": want no wait with sliding-window, or algorithm leaky-bucket`},
	"maxWait":                  {`{rate: 1/s, algorithm: leaky-bucket, maxWait: soon}`, `maxWait: "soon": want a duration such as 500ms, 2s or 1m`},
	"cost never allowed":       {`{rate: 3/s, cost: 5}`, `cost: "5": want at most 3, all that 3/1s can let pass at once`},
	"cost of nothing":          {`{rate: 3/s, cost: 0}`, `cost: "0": want a whole number from 1 to 1000000000`},
	"dryRun":                   {`{rate: 3/s, dryRun: perhaps}`, `dryRun: "perhaps": want true or false`},
	"key":                      {`{rate: 1/s, key: user}`, `key: "user": want ip, header:NAME, `},
	"key without a name":       {`{rate: 1/s, key: "header:"}`, `key: "header:": want ip, header:NAME, `},
	"ipv6Prefix":               {`{rate: 1/s, ipv6Prefix: 129}`, `ipv6Prefix: "129": want a whole number from 0 to 128`},
	"exempt":                   {`{rate: 1/s, exempt: 10.0.0.0/33}`, `exempt: "10.0.0.0/33": want an address or a network such as 10.0.0.0/8`},
	"match.hosts":              {`{rate: 1/s, match: {hosts: "https://a"}}`, `match.hosts: "https://a": want a host such as `},
	"match.paths":              {`{rate: 1/s, match: {paths: api}}`, `match.paths: "api": want a path such as `},
	"name":                     {`{limits: [{name: per client, rate: 1/s}]}`, `limits[0].name: "per client": want 1 to 128 letters`},
	"no name":                  {`{limits: [{rate: 1/s}]}`, `limits[0].name: "": want 1 to 128 letters`},
	"two of one name":          {`{limits: [{name: a, rate: 1/s}, {name: a, rate: 2/s}]}`, `limits[1].name: "a": want a name of its own for each limit`},
	"limit beside limits":      {`{rate: 1/s, limits: [{name: a, rate: 1/s}]}`, `rate: "beside limits": want it inside one of the limits`},
	"average beside limits":    {`{average: 1, limits: [{name: a, rate: 1/s}]}`, `average: "beside limits": want it inside one of the limits`},
	"prefix":                   {`{rate: 1/s, prefix: "a{b"}`, `prefix: "a{b": want 1 to 128 letters`},
	"onError":                  {`{rate: 1/s, onError: panic}`, `onError: "panic": want local, allow or deny`},
	"timeout":                  {`{rate: 1/s, timeout: 0s}`, `timeout: "0s": want a duration longer than 0`},
	"timeout without unit":     {`{rate: 1/s, timeout: 5}`, `timeout: "5": want a duration such as 500ms, 2s or 1m`},
	"headers":                  {`{rate: 1/s, headers: all}`, `headers: "all": want ratelimit, x-ratelimit or off`},
	"response.status":          {`{rate: 1/s, response: {status: 200}}`, `response.status: "200": want a status from 400 to 599`},
	"response.contentType":     {`{rate: 1/s, response: {contentType: text/html}}`, `response.contentType: "text/html": want a body with it`},
	"jitter":                   {`{rate: 1/s, jitter: 2}`, `jitter: "2": want a fraction from 0 to 1`},
	"maxKeys":                  {`{rate: 1/s, maxKeys: 0}`, `maxKeys: "0": want a whole number from 1 to`},
	"trustedProxies":           {`{rate: 1/s, trustedProxies: "10.0.0.0/8,proxy"}`, `trustedProxies: "proxy": want an address or a network`},
	"lease":                    {`{rate: 99/s, lease: many}`, `lease: "many": want a number of units and for how long, such as 50 1s`},
	"lease of nothing":         {`{rate: 99/s, lease: 0}`, `lease: "0": want a number of units from 1 to 1000000000`},
	"lease's time":             {`{rate: 99/s, lease: 50 2m}`, `lease: "50 2m": want a time from 1ms to 1m after the units`},
	"lease above the rate":     {`{limits: [{name: a, rate: 9/s, lease: 50}], redis: {address: "a:1"}}`, `limits[0].lease: "50": want a number of units from 1 to 9`},
	"lease above the window":   {`{rate: 99/s, lease: 50 2s, redis: {address: "a:1"}}`, `lease: "50 2s": want a time no longer than 1m and the limit's window, 1s`},
	"lease without redis":      {`{rate: 99/s, lease: 50}`, `lease: "50": want redis as well, or no lease: counters in memory`},
	"lease of a leaky bucket":  {`{rate: 99/s, algorithm: leaky-bucket, lease: 50, redis: {address: "a:1"}}`, `lease: "50": want no lease with leaky-bucket`},
	"lease beside maxWait":     {`{rate: 99/s, algorithm: token-bucket, maxWait: 1s, lease: 50, redis: {address: "a:1"}}`, `lease: "50": want no lease beside max_wait`},

	"address without a port":  {`{rate: 1/s, redis: {address: redis}}`, `redis.address: "redis": want a port: redis:6379`},
	"no address":              {`{rate: 1/s, redis: {db: 1}}`, `redis.address: "": want an address such as redis:6379`},
	"address and endpoints":   {`{rate: 1/s, redis: {address: "a:1", endpoints: "b:1"}}`, `redis.endpoints: "beside address": want one of the two`},
	"db":                      {`{rate: 1/s, redis: {address: "a:1", db: one}}`, `redis.db: "one": want a whole number`},
	"poolSize":                {`{rate: 1/s, redis: {address: "a:1", poolSize: -1}}`, `redis.poolSize: "-1": want a whole number from 0 to 1000`},
	"no certificate file":     {`{rate: 1/s, redis: {address: "a:1", tls: {ca: /nowhere/ca.pem}}}`, `redis.tls.ca: "/nowhere/ca.pem": want a file that can be read`},
	"variable that is unset":  {`{rate: 1/s, redis: {address: "a:1", password: "env:WEIR_TEST_UNSET"}}`, `redis.password: "env:WEIR_TEST_UNSET": want the name of a variable`},
	"file that is not there":  {`{rate: 1/s, redis: {address: "a:1", password: "file:/nowhere"}}`, `redis.password: "file:/nowhere": want the path of a file`},
	"sentinel without master": {`{rate: 1/s, redis: {address: "a:1", sentinelUsername: x}}`, `redis.sentinelUsername: "x": want the master's name`},

	"average":                  {`{average: many}`, `average: "many": want a whole number from 0 to 1000000000`},
	"average beside rate":      {`{average: 1, rate: 1/s}`, `rate: "1/s": want none beside average, or rate alone`},
	"average beside lease":     {`{average: 99, lease: 50, redis: {address: "a:1"}}`, `lease: "50": want none beside average`},
	"average beside algorithm": {`{average: 1, algorithm: fixed-window}`, `algorithm: "fixed-window": want none beside average`},
	"period alone":             {`{period: 1m}`, `period: "without average": want average as well`},
	"period":                   {`{average: 1, period: -1s}`, `period: "-1s": want a duration in whole milliseconds`},
	"criteria":                 {`{average: 1, sourceCriterion: {requestHeaderName: X, requestHost: true}}`, `sourceCriterion.requestHost: "beside another criterion": want one of`},
	"ipStrategy and host":      {`{average: 1, sourceCriterion: {ipStrategy: {depth: 1}, requestHost: true}}`, `sourceCriterion.ipStrategy: "beside another criterion": want one of`},
	"depth":                    {`{average: 1, sourceCriterion: {ipStrategy: {depth: -1}}}`, `sourceCriterion.ipStrategy.depth: "-1": want a whole number from 0 to 64`},
	"ipv6Subnet":               {`{average: 1, sourceCriterion: {ipStrategy: {ipv6Subnet: 0}}}`, `sourceCriterion.ipStrategy.ipv6Subnet: "0": want a whole number from 1 to 128`},
}

func TestMistakes(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		for name, test := range mistakes {
			t.Run(name, func(t *testing.T) {
				_, err := p.New(t.Context(), reached, "limit@file", options(t, test.yaml))
				if err == nil || !strings.Contains(err.Error(), "weir: "+test.want) {
					t.Errorf("got  %v\nwant weir: %s…", err, test.want)
				}
			})
		}
	})
}

// A mistake in a value that is a secret must not tell it.
func TestMistakesKeepSecrets(t *testing.T) {
	const secret = "hunter2"
	t.Setenv("WEIR_TEST_SECRET", "redis://user:"+secret+"@redis:port")
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, []byte("-----BEGIN PRIVATE KEY-----\n"+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, yaml := range map[string]string{
		"url":           `{rate: 1/s, redis: {address: "redis://:hunter2@redis:6379x"}}`,
		"no scheme":     `{rate: 1/s, redis: {address: "user:hunter2@redis:6379"}}`,
		"of a variable": `{rate: 1/s, redis: {address: "env:WEIR_TEST_SECRET"}}`,
		"key":           `{rate: 1/s, redis: {address: "redis:6379", tls: {cert: "file:` + file + `", key: "file:` + file + `"}}}`,
		"master":        `{rate: 1/s, redis: {address: "redis:6379", sentinelPassword: hunter2}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compiled{}.New(t.Context(), reached, "limit@file", options(t, yaml))
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, want an error without the secret", err)
			}
		})
	}
}

// What is an option of Caddy's alone is not one here.
func TestNothingElseIsAccepted(t *testing.T) {
	for _, option := range []string{"storage", "distributed", "zone", "window", "events", "onerror2", "log_key"} {
		_, err := compiled{}.New(t.Context(), reached, "limit@file", map[string]any{"rate": "1/s", option: "1"})
		if err == nil || !strings.Contains(err.Error(), "unknown option") {
			t.Errorf("%s: got %v, want an unknown option", option, err)
		}
	}
}
