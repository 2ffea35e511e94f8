package plugintest

import (
	"strings"
	"testing"

	"github.com/weirproxy/weir/core/redistest"
)

// Traefik's own rateLimit with every option that it documents, in three shapes,
// with the block moved under plugin.weir and nothing else changed. CERTS is
// where the certificates are.

const ownYAML = `
average: 100
period: 1s
burst: 200
redis:
  endpoints:
    - "redis-a.example.com:6379"
    - "redis-b.example.com:6379"
  username: "limiter"
  password: "sesame"
  db: 2
  poolSize: 50
  minIdleConns: 10
  maxActiveConns: 200
  readTimeout: 3s
  writeTimeout: 3s
  dialTimeout: 5s
  tls:
    ca: "CERTS/ca.crt"
    cert: "CERTS/client.crt"
    key: "CERTS/client.key"
    insecureSkipVerify: false
sourceCriterion:
  ipStrategy: {depth: 1, excludedIPs: ["127.0.0.1/32", "192.168.1.7"], ipv6Subnet: 64}
`

const ownTOML = `
[http.middlewares.limit.plugin.weir]
  average = 100
  period = "1s"
  burst = 200
  [http.middlewares.limit.plugin.weir.sourceCriterion]
    requestHeaderName = "X-Api-Key"
  [http.middlewares.limit.plugin.weir.redis]
    endpoints = ["redis-a.example.com:6379", "redis-b.example.com:6379"]
    username = "limiter"
    password = "sesame"
    db = 2
    poolSize = 50
    minIdleConns = 10
    maxActiveConns = 200
    readTimeout = "3s"
    writeTimeout = "3s"
    dialTimeout = "5s"
    [http.middlewares.limit.plugin.weir.redis.tls]
      ca = "CERTS/ca.crt"
      cert = "CERTS/client.crt"
      key = "CERTS/client.key"
      insecureSkipVerify = false
`

const ownLabels = `
traefik.http.middlewares.limit.plugin.weir.average=100
traefik.http.middlewares.limit.plugin.weir.period=1s
traefik.http.middlewares.limit.plugin.weir.burst=200
traefik.http.middlewares.limit.plugin.weir.sourcecriterion.requesthost=true
traefik.http.middlewares.limit.plugin.weir.redis.endpoints=redis-a.example.com:6379,redis-b.example.com:6379
traefik.http.middlewares.limit.plugin.weir.redis.username=limiter
traefik.http.middlewares.limit.plugin.weir.redis.password=sesame
traefik.http.middlewares.limit.plugin.weir.redis.db=2
traefik.http.middlewares.limit.plugin.weir.redis.poolSize=50
traefik.http.middlewares.limit.plugin.weir.redis.minIdleConns=10
traefik.http.middlewares.limit.plugin.weir.redis.maxActiveConns=200
traefik.http.middlewares.limit.plugin.weir.redis.readTimeout=3s
traefik.http.middlewares.limit.plugin.weir.redis.writeTimeout=3s
traefik.http.middlewares.limit.plugin.weir.redis.dialTimeout=5s
traefik.http.middlewares.limit.plugin.weir.redis.tls.ca=CERTS/ca.crt
traefik.http.middlewares.limit.plugin.weir.redis.tls.cert=CERTS/client.crt
traefik.http.middlewares.limit.plugin.weir.redis.tls.key=CERTS/client.key
traefik.http.middlewares.limit.plugin.weir.redis.tls.insecureSkipVerify=false
`

func TestTraefiksOwnOptions(t *testing.T) {
	files := redistest.StartTLS(t).Files
	at := strings.NewReplacer("CERTS/ca.crt", files.CA, "CERTS/client.crt", files.Cert, "CERTS/client.key", files.Key).Replace
	for shape, read := range map[string]map[string]any{
		"yaml": options(t, at(ownYAML)), "toml": fromTOML(t, at(ownTOML)), "labels": fromLabels(t, at(ownLabels)),
	} {
		t.Run(shape, func(t *testing.T) {
			bothWays(t, func(t *testing.T, p plugin) { middleware(t, p, read) })
		})
	}
}

// As in Traefik's, only the address of the peer counts unless the options say
// otherwise, each IPv6 address for itself; and the burst is 1.
func TestTraefiksOwnDefaults(t *testing.T) {
	bothWays(t, func(t *testing.T, p plugin) {
		handler := middleware(t, p, map[string]any{"average": "1", "period": "1h"})
		for _, peer := range []string{"[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.9:1"} {
			r := get("/", "X-Forwarded-For", "203.0.113.1")()
			r.RemoteAddr = peer
			if answer := send(handler, r); answer.Code != 200 {
				t.Errorf("%s: got %d", peer, answer.Code)
			}
			if answer := send(handler, r); answer.Code != 429 {
				t.Errorf("%s again: got %d", peer, answer.Code)
			}
		}
	})
}
