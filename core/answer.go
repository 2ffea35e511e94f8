package core

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Answer is how decisions are told to clients.
type Answer struct {
	Headers Headers

	// Status of a denial, 400 to 599; 0 is 429.
	Status int

	// ContentType and Body of a denial. Without a body it is problem details
	// (RFC 9457) that name the limits exceeded.
	ContentType string
	Body        string

	// Jitter adds up to this fraction to Retry-After, so that clients denied
	// together do not come back together: 0 to 1.
	Jitter float64
}

// Check finds what an answer cannot say. Errors are of type *OptionError.
func (a *Answer) Check() error {
	if a.Status != 0 && (a.Status < 400 || a.Status > 599) {
		return &OptionError{"response.status", strconv.Itoa(a.Status), "a status from 400 to 599"}
	}
	if a.ContentType != "" && a.Body == "" {
		return &OptionError{"response.content_type", a.ContentType, "a body with it"}
	}
	if !(a.Jitter >= 0 && a.Jitter <= 1) {
		return &OptionError{"jitter", strconv.FormatFloat(a.Jitter, 'g', -1, 64), "a fraction from 0 to 1"}
	}
	return nil
}

// SetHeaders adds the fields that tell of a decision, those of a denial
// included. random is from 0 to 1, for the jitter.
func (a *Answer) SetHeaders(header http.Header, hits []Hit, d Decision, random float64) {
	setFields(a.Headers, header, hits, d.Hit)
	if !d.Allowed {
		a.setDenial(header, d, random)
	}
}

func (a *Answer) setDenial(header http.Header, d Decision, random float64) {
	header["Cache-Control"] = []string{"no-store"}
	if after, ok := a.retryAfter(d, random); ok {
		header[headerRetryAfter] = []string{strconv.FormatInt(after, 10)}
	}
}

// retryAfter is in whole seconds, at least 1, and late enough that a retry at
// that moment succeeds.
func (a *Answer) retryAfter(d Decision, random float64) (int64, bool) {
	if d.Unavailable {
		return 1, true
	}
	if d.RetryAfter == Never {
		return 0, false
	}
	wait := d.RetryAfter + time.Duration(float64(d.RetryAfter)*a.Jitter*random)
	if n := seconds(wait); n > 1 {
		return n, true
	}
	return 1, true
}

// StatusCode is the status of a denial.
func (a *Answer) StatusCode(d Decision) int {
	switch {
	case d.Unavailable:
		return http.StatusServiceUnavailable
	case a.Status != 0:
		return a.Status
	}
	return http.StatusTooManyRequests
}

// Problem types of the IANA registry "HTTP Problem Types".
const (
	problemQuota    = "https://iana.org/assignments/http-problem-types#quota-exceeded"
	problemCapacity = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
)

type problem struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail"`
	Violated []string `json:"violated-policies,omitempty"`
}

// Content is the body of a denial, and its type.
func (a *Answer) Content(hits []Hit, d Decision) (contentType, body string) {
	if a.Body != "" && !d.Unavailable {
		if a.ContentType == "" {
			return "text/plain; charset=utf-8", a.Body
		}
		return a.ContentType, a.Body
	}
	p := problem{Status: a.StatusCode(d)}
	p.Title = http.StatusText(p.Status)
	switch {
	case d.Unavailable:
		p.Type, p.Detail = problemCapacity, "The rate limiter cannot decide at the moment. Try again shortly."
	case d.RetryAfter == Never:
		p.Type, p.Detail = problemQuota, "The request takes more than the limit ever allows at once."
	default:
		n := int64(math.Max(1, float64(seconds(d.RetryAfter))))
		unit := " seconds."
		if n == 1 {
			unit = " second."
		}
		p.Type, p.Detail = problemQuota, "Too many requests. Try again in "+strconv.FormatInt(n, 10)+unit
	}
	for i := range hits {
		if !d.Unavailable && !hits[i].Result.Allowed && !hits[i].Limit.DryRun {
			p.Violated = append(p.Violated, hits[i].Limit.Name)
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "text/plain; charset=utf-8", p.Detail
	}
	return "application/problem+json", string(text) + "\n"
}

// Deny writes the whole answer to a request that is not allowed.
func (a *Answer) Deny(w http.ResponseWriter, hits []Hit, d Decision, random float64) {
	header := w.Header()
	a.SetHeaders(header, hits, d, random)
	contentType, body := a.Content(hits, d)
	header["Content-Type"] = []string{contentType}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(a.StatusCode(d))
	// The client may be gone; nothing is left to tell it.
	_, _ = w.Write([]byte(body))
}
