package traefikplugin

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/redis"
)

// settings are a Config that has been read and found right.
type settings struct {
	rules   []rule
	answer  core.Answer
	trusted core.Networks

	// forwarded is nil unless Traefik's own options choose the client's address.
	forwarded *forwardedFor

	onError core.OnError
	prefix  string
	timeout time.Duration
	maxKeys int

	// redis is nil where counters are in memory.
	redis *redis.Options
}

// maxMaxKeys are more keys than fit in the memory of most machines.
const maxMaxKeys = 100_000_000

// readConfig reads all of a Config. Errors are of type *core.OptionError. name
// is the middleware's.
func readConfig(c *Config, name string) (*settings, error) {
	if err := checkUnknown("", reflect.ValueOf(*c)); err != nil {
		return nil, err
	}
	s := &settings{prefix: c.Prefix}
	if s.prefix == "" {
		s.prefix = core.DefaultPrefix
	}
	if err := core.CheckPrefix(s.prefix); err != nil {
		return nil, err
	}
	var err error
	if s.rules, err = readRules(c, name, s.prefix); err != nil {
		return nil, err
	}
	if s.answer, err = readAnswer(c); err != nil {
		return nil, err
	}
	if s.trusted, err = core.ParseNetworks("trusted_proxies", trimmed(c.TrustedProxies)); err != nil {
		return nil, err
	}
	if s.forwarded, err = readIPStrategy(c); err != nil {
		return nil, err
	}
	if s.onError, err = core.ParseOnError(c.OnError); err != nil {
		return nil, err
	}
	if s.timeout, err = readTimeout(c); err != nil {
		return nil, err
	}
	maxKeys, err := readBetween("maxKeys", c.MaxKeys, memory.DefaultMaxKeys, 1, maxMaxKeys)
	if err != nil {
		return nil, err
	}
	s.maxKeys = int(maxKeys)
	if c.Redis != nil {
		options, err := readRedis(c)
		if err != nil {
			return nil, err
		}
		s.redis = &options
	}
	return s, nil
}

func readAnswer(c *Config) (core.Answer, error) {
	var a core.Answer
	var err error
	names := trimmed(c.Headers)
	for i, name := range names {
		// YAML's older kin, Kubernetes's among them, reads off as false.
		if name == "0" || strings.ToLower(name) == "false" {
			names[i] = "off"
		}
	}
	if a.Headers, err = core.ParseHeaders(names); err != nil {
		return a, err
	}
	if c.Response != nil {
		status, err := readInt("response.status", c.Response.Status, 0)
		if err != nil {
			return a, err
		}
		a.Status, a.ContentType, a.Body = int(status), c.Response.ContentType, c.Response.Body
	}
	if c.Jitter != "" {
		if a.Jitter, err = strconv.ParseFloat(strings.TrimSpace(c.Jitter), 64); err != nil {
			return a, &core.OptionError{Option: "jitter", Value: c.Jitter, Want: "a fraction from 0 to 1"}
		}
	}
	return a, a.Check()
}
