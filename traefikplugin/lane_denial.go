package traefikplugin

import (
	"math/rand"
	"net/http"
	"strconv"
	"time"

	"github.com/weirproxy/weir/core"
)

// denial is an answer to an identity that was denied, and when it stands: for as
// long as each of its words is right, and for a second at most, after which the
// limit is asked again.
type denial struct {
	from, until int64 // by the lane's clock

	policy, rateLimit, retryAfter, contentType, contentLength []string

	status int
	body   []byte
}

var noStore = []string{"no-store"}

// denyAgain gives an answer that stands.
func denyAgain(d *denial, w http.ResponseWriter, header http.Header) {
	header["Ratelimit-Policy"] = append(header["Ratelimit-Policy"], d.policy...)
	header["Ratelimit"] = append(header["Ratelimit"], d.rateLimit...)
	header["Cache-Control"] = noStore
	header["Retry-After"] = d.retryAfter
	header["Content-Type"] = d.contentType
	header["Content-Length"] = d.contentLength
	w.WriteHeader(d.status)
	// The client may be gone; nothing is left to tell it.
	_, _ = w.Write(d.body)
}

// denyAndLearn denies, and has the lane give the same answer while it stands.
func denyAndLearn(h *handler, l *lane, c *call, hits []core.Hit, decision core.Decision) {
	header := http.Header{}
	h.answer.SetHeaders(header, hits, decision, rand.Float64())
	contentType, body := h.answer.Content(hits, decision)
	d := &denial{
		from: c.at, until: c.at + int64(stands(decision.RetryAfter)),
		policy: header["Ratelimit-Policy"], rateLimit: header["Ratelimit"], retryAfter: header["Retry-After"],
		contentType: []string{contentType}, contentLength: []string{strconv.Itoa(len(body))},
		status: h.answer.StatusCode(decision), body: []byte(body),
	}
	learnDenial(l, c.caller, d)
	denyAgain(d, c.w, c.w.Header())
}

// stands is how long a time in whole seconds, rounded up, stays the same.
func stands(retryAfter time.Duration) time.Duration {
	return (retryAfter-1)%time.Second + 1
}
