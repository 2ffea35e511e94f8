package traefikplugin

import (
	"math/rand"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/weirproxy/weir/core"
)

// handler is the middleware in front of one router's service.
type handler struct {
	next    http.Handler
	name    string
	limiter *core.Limiter
	answer  *core.Answer
	rules   []rule

	// trusted says whose X-Forwarded-For is believed; forwarded, where it is not
	// nil, which entry in it is the client's.
	trusted   core.Networks
	forwarded *forwardedFor

	// most is how many hits a request has at most.
	most int

	// simple is nil unless there is one limit, which counts every request by its
	// peer's address: the usual case, with few statements.
	simple *rule

	// dryRuns says that some limit is one.
	dryRuns bool
}

// statusClientGone is what Traefik logs for a client that did not wait for its
// answer.
const statusClientGone = 499

// ServeHTTP has only what every request needs: interpreted, a call costs by all
// that its body says, done or not.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var hits []core.Hit
	if h.simple != nil {
		hits = simpleHit(h.simple, r.RemoteAddr)
	} else if hits = hitsOf(h, r); len(hits) == 0 {
		h.next.ServeHTTP(w, r)
		return
	}
	finish(h, w, r, hits, h.limiter.Decide(time.Now(), hits))
}

// finish does what was decided.
func finish(h *handler, w http.ResponseWriter, r *http.Request, hits []core.Hit, decision core.Decision) {
	if !decision.Allowed || decision.Delay > 0 || h.dryRuns {
		if !mayGoOn(h, w, r, hits, decision) {
			return
		}
	}
	h.answer.SetHeaders(w.Header(), hits, decision, 0)
	h.next.ServeHTTP(w, r)
}

// mayGoOn denies the request, or holds it back, and logs what there is to log.
func mayGoOn(h *handler, w http.ResponseWriter, r *http.Request, hits []core.Hit, decision core.Decision) bool {
	if h.dryRuns {
		logDryRuns(h.name, hits, clientOf(h, r))
	}
	if !decision.Allowed {
		logDenial(h.name, hits, decision, clientOf(h, r))
		h.answer.Deny(w, hits, decision, rand.Float64())
		return false
	}
	if decision.Delay > 0 && !core.Wait(r.Context(), decision.Delay) {
		w.WriteHeader(statusClientGone)
		return false
	}
	return true
}

// simple reports whether hitsOf would do no more than simpleHit.
func simple(h *handler) bool {
	if len(h.rules) != 1 || len(h.trusted) > 0 || h.forwarded != nil {
		return false
	}
	r := &h.rules[0]
	return len(r.limits) == 1 && r.key.onlyIP && r.key.v4 == 0 && r.match == nil && len(r.exempt) == 0
}

// simpleHit counts a request by its peer.
func simpleHit(r *rule, peer string) []core.Hit {
	return []core.Hit{{Limit: r.limits[0], Identity: peerIdentity(r, peer), Cost: r.cost}}
}

// peerIdentity is the identity of the address in a host:port. That of an IPv4
// address is its text: seven letters or more before the first colon, where an
// IPv6 address has a bracket or four digits at most.
func peerIdentity(r *rule, peer string) string {
	host, _, _ := strings.Cut(peer, ":")
	if len(host) < 7 || host[0] > '9' {
		return core.AddressIdentity(core.ParseHost(peer), 0, r.key.v6)
	}
	return host
}

func clientOf(h *handler, r *http.Request) netip.Addr {
	if h.forwarded != nil {
		return forwardedClient(h.forwarded, r)
	}
	return core.ClientAddress(r.RemoteAddr, r.Header["X-Forwarded-For"], h.trusted)
}

// hitsOf asks the rules what the request counts for, and for whom.
func hitsOf(h *handler, r *http.Request) []core.Hit {
	client := clientOf(h, r)
	hits := make([]core.Hit, 0, h.most)
	for i := range h.rules {
		rule := &h.rules[i]
		if rule.match != nil && !matches(rule.match, r) {
			continue
		}
		if len(rule.exempt) > 0 && rule.exempt.Contains(client) {
			continue
		}
		who := ""
		if rule.key.onlyIP {
			who = core.AddressIdentity(client, rule.key.v4, rule.key.v6)
		} else if who = identity(&rule.key, r, client); who == "" {
			continue
		}
		for _, limit := range rule.limits {
			hits = append(hits, core.Hit{Limit: limit, Identity: who, Cost: rule.cost})
		}
	}
	return hits
}

func logDenial(name string, hits []core.Hit, d core.Decision, client netip.Addr) {
	if d.Unavailable {
		logInfo(name + ": denied " + client.String() + ", as Redis does not answer and onError is deny")
		return
	}
	logInfo(name + ": limit " + hits[d.Hit].Limit.Name + " denied " + client.String() + retryIn(d.RetryAfter))
}

func retryIn(d time.Duration) string {
	if d == core.Never {
		return " for good"
	}
	return " for " + d.Round(time.Millisecond).String()
}

func logDryRuns(name string, hits []core.Hit, client netip.Addr) {
	for i := range hits {
		hit := &hits[i]
		if hit.Limit.DryRun && hit.Result.RetryAfter != 0 {
			logInfo(name + ": limit " + hit.Limit.Name + " would deny " + client.String() + retryIn(hit.Result.RetryAfter))
		}
	}
}
