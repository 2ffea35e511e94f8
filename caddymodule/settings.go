package caddymodule

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/redis"
)

// Settings say where counters are kept and how clients are answered.
type Settings struct {
	// Where counters are kept, so that any number of proxies share them.
	// Default: in the memory of this Caddy, where they survive reloads.
	Redis *Redis `json:"redis,omitempty"`

	// The first part of every key. Limits of one name, prefix and Redis share
	// their counters, whichever proxy they run in. Default: `weir`.
	Prefix string `json:"prefix,omitempty"`

	// What to do while Redis does not answer: `local` counts in the memory of
	// this Caddy with the same limits, `allow` lets every request through, and
	// `deny` answers 503. Default: `local`.
	OnError string `json:"on_error,omitempty"`

	// The whole time that a decision may spend on Redis. Default: `100ms`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// The families of header fields that tell clients of their limits, on
	// allowed and denied answers alike: `ratelimit` (RateLimit and
	// RateLimit-Policy), `x-ratelimit` (X-RateLimit-Limit, -Remaining and
	// -Reset), or `off` alone. Default: `ratelimit`.
	Headers []string `json:"headers,omitempty"`

	// The answer to a denied request. Where the site has an error route for it,
	// the error goes there instead.
	Response *Response `json:"response,omitempty"`

	// Up to this fraction is added to Retry-After, so that clients denied
	// together do not come back together: 0.2 means up to 20 % later.
	// Default: 0.
	Jitter *float64 `json:"jitter,omitempty"`

	// How many keys are kept in memory at most. The one that is closest to
	// being full again makes room. Default: 100000.
	MaxKeys int `json:"max_keys,omitempty"`
}

// Response is the answer to a denied request.
type Response struct {
	// The status, 400 to 599. Default: 429.
	Status int `json:"status,omitempty"`

	// The type of the body. Default: `text/plain; charset=utf-8`.
	ContentType string `json:"content_type,omitempty"`

	// The body. Placeholders are replaced. Default: problem details (RFC 9457)
	// that name the limits exceeded.
	Body string `json:"body,omitempty"`
}

// over returns s with what it leaves out taken from defaults.
func (s Settings) over(defaults Settings) Settings {
	if s.Redis == nil {
		s.Redis = defaults.Redis
	}
	if s.Prefix == "" {
		s.Prefix = defaults.Prefix
	}
	if s.OnError == "" {
		s.OnError = defaults.OnError
	}
	if s.Timeout == 0 {
		s.Timeout = defaults.Timeout
	}
	if s.Headers == nil {
		s.Headers = defaults.Headers
	}
	if s.Response == nil {
		s.Response = defaults.Response
	}
	if s.Jitter == nil {
		s.Jitter = defaults.Jitter
	}
	if s.MaxKeys == 0 {
		s.MaxKeys = defaults.MaxKeys
	}
	return s
}

func (s Settings) prefix() string {
	if s.Prefix == "" {
		return core.DefaultPrefix
	}
	return s.Prefix
}

func (s Settings) timeout() time.Duration {
	if s.Timeout == 0 {
		return redis.DefaultTimeout
	}
	return time.Duration(s.Timeout)
}

func (s Settings) maxKeys() int {
	if s.MaxKeys == 0 {
		return memory.DefaultMaxKeys
	}
	return s.MaxKeys
}

func (s Settings) answer() (core.Answer, error) {
	headers, err := core.ParseHeaders(s.Headers)
	if err != nil {
		return core.Answer{}, err
	}
	answer := core.Answer{Headers: headers}
	if s.Response != nil {
		answer.Status, answer.ContentType, answer.Body = s.Response.Status, s.Response.ContentType, s.Response.Body
	}
	if s.Jitter != nil {
		answer.Jitter = *s.Jitter
	}
	return answer, answer.Check()
}

// check finds every mistake but those in Redis, whose placeholders are not
// replaced yet.
func (s Settings) check() error {
	if err := core.CheckPrefix(s.prefix()); err != nil {
		return err
	}
	if _, err := core.ParseOnError(s.OnError); err != nil {
		return err
	}
	if s.Timeout < 0 {
		return &core.OptionError{Option: "timeout", Value: time.Duration(s.Timeout).String(), Want: "a duration of more than 0, such as 100ms"}
	}
	if s.MaxKeys < 0 {
		return &core.OptionError{Option: "max_keys", Value: itoa(s.MaxKeys), Want: "a number from 1"}
	}
	_, err := s.answer()
	return err
}
