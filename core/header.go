package core

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Names of the header fields, as net/http writes them; HTTP does not mind case.
const (
	headerRateLimit  = "Ratelimit"
	headerPolicy     = "Ratelimit-Policy"
	headerXLimit     = "X-Ratelimit-Limit"
	headerXRemaining = "X-Ratelimit-Remaining"
	headerXReset     = "X-Ratelimit-Reset"
	headerRetryAfter = "Retry-After"
)

// Headers are the families of header fields that answers carry, allowed and
// denied ones alike.
type Headers struct {
	// RateLimit sends RateLimit and RateLimit-Policy, structured fields of
	// draft-ietf-httpapi-ratelimit-headers-11.
	RateLimit bool

	// XRateLimit sends X-RateLimit-Limit, X-RateLimit-Remaining and
	// X-RateLimit-Reset, the last in seconds from now.
	XRateLimit bool
}

// ParseHeaders reads names of families, or "off" alone. No name at all is
// RateLimit. The error is of type *OptionError, for the option "headers".
func ParseHeaders(names []string) (Headers, error) {
	var h Headers
	if len(names) == 0 {
		h.RateLimit = true
	}
	for _, name := range names {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "ratelimit":
			h.RateLimit = true
		case "x-ratelimit":
			h.XRateLimit = true
		case "off":
			if len(names) > 1 {
				return h, &OptionError{"headers", strings.Join(names, " "), "off alone, or ratelimit and x-ratelimit"}
			}
		default:
			return h, &OptionError{"headers", name, "ratelimit, x-ratelimit or off"}
		}
	}
	return h, nil
}

// Set adds the fields that tell of a decision. RateLimit-Policy lists every
// limit that was asked, RateLimit the one that the decision reports. A dry run
// stays unmentioned. What another limiter in front of this one has told stays:
// the fields are lists, but for X-RateLimit-*, which tell of whichever has less
// left.
func (h Headers) Set(header http.Header, hits []Hit, d Decision) { setFields(h, header, hits, d.Hit) }

// Fields are the parts of RateLimit-Policy and RateLimit that are the limit's:
// all of the one, and of the other what comes before what remains.
func Fields(l *Limit) (policy, rateLimit string) { return l.policy, l.remaining }

func setFields(h Headers, header http.Header, hits []Hit, reported int) {
	if reported < 0 {
		return
	}
	hit := &hits[reported]
	if h.RateLimit {
		policy := hit.Limit.policy
		if len(hits) > 1 {
			policy = policies(hits)
		}
		header[headerPolicy] = append(header[headerPolicy], policy)
		header[headerRateLimit] = append(header[headerRateLimit], hit.Limit.remaining+strconv.FormatInt(hit.Result.Remaining, 10)+refill(hit.Result.Refill))
	}
	if h.XRateLimit {
		setLegacyFields(header, hit)
	}
}

func setLegacyFields(header http.Header, hit *Hit) {
	if told, err := strconv.ParseInt(header.Get(headerXRemaining), 10, 64); err == nil && told <= hit.Result.Remaining {
		return
	}
	header[headerXLimit] = []string{strconv.FormatInt(hit.Limit.Quota().Count, 10)}
	header[headerXRemaining] = []string{strconv.FormatInt(hit.Result.Remaining, 10)}
	header[headerXReset] = []string{strconv.FormatInt(seconds(hit.Result.Refill), 10)}
}

func policies(hits []Hit) string {
	list := ""
	for i := range hits {
		if l := hits[i].Limit; !l.DryRun {
			if list != "" {
				list += ", "
			}
			list += l.policy
		}
	}
	return list
}

// refill is the parameter t: for how long r holds.
func refill(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return ";t=" + strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// seconds are whole and rounded up: who comes back then is not too early.
func seconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}
