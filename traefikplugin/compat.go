package traefikplugin

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirproxy/weir/core"
)

// Traefik's own rateLimit is a token bucket that refills with average units in
// each period, and lets a request wait for its unit a little. Its options are
// written as they are there, at the top of weir's.

// traefikEndpoint is where Traefik's own rateLimit looks for Redis by default.
const traefikEndpoint = "localhost:6379"

// traefikOption is the first of Traefik's own options that has a value, "" if
// none has.
func traefikOption(c *Config) string {
	switch {
	case c.Average != "":
		return "average"
	case c.Period != "":
		return "period"
	case c.SourceCriterion != nil:
		return "sourceCriterion"
	}
	return ""
}

// traefikLimit is the limit that Traefik's own options describe; limit has what
// else is configured.
func traefikLimit(c *Config, limit Limit) (Limit, error) {
	if c.Average == "" {
		return limit, &core.OptionError{Option: traefikOption(c), Value: "without average", Want: "average as well, or rate and key in place of both"}
	}
	for _, other := range []struct{ name, value string }{
		{"rate", strings.Join(limit.Rate, ",")}, {"algorithm", limit.Algorithm}, {"maxWait", limit.MaxWait}, {"lease", limit.Lease},
	} {
		if other.value != "" {
			return limit, &core.OptionError{Option: other.name, Value: other.value, Want: "none beside average, or rate alone"}
		}
	}
	average, err := readBetween("average", c.Average, 0, 0, core.MaxCount)
	if err != nil {
		return limit, err
	}
	period, err := readPeriod(c.Period)
	if err != nil {
		return limit, err
	}
	burst, err := readBetween("burst", limit.Burst, 1, 0, core.MaxCount)
	if err != nil {
		return limit, err
	}
	if err := traefikKey(c.SourceCriterion, &limit); err != nil {
		return limit, err
	}
	if average == 0 {
		limit.Rate, limit.Burst = []string{"unlimited"}, ""
		return limit, nil
	}
	if burst == 0 {
		burst = 1
	}
	limit.Rate = []string{strconv.FormatInt(average, 10) + "/" + strconv.FormatInt(period.Milliseconds(), 10) + "ms"}
	limit.Algorithm = core.TokenBucket.String()
	limit.Burst = strconv.FormatInt(burst, 10)
	limit.MaxWait = traefikWait(average, period).String()
	return limit, nil
}

func readPeriod(s string) (time.Duration, error) {
	period, err := readSeconds("period", s, time.Second)
	if err != nil || period < core.MinWindow || period > core.MaxWindow || period%time.Millisecond != 0 {
		return 0, &core.OptionError{Option: "period", Value: s, Want: "a duration in whole milliseconds from 1ms to 366d, such as 1s or 1m"}
	}
	return period, nil
}

// traefikWait is how long Traefik lets a request wait: half the time of a unit
// by its integer arithmetic, and at most half a second.
func traefikWait(average int64, period time.Duration) time.Duration {
	perSecond := float64(average) * float64(time.Second) / float64(period)
	if perSecond < 1 {
		return 500 * time.Millisecond
	}
	return time.Second / (time.Duration(perSecond) * 2)
}

// traefikKey turns a criterion into a key. Addresses of IPv6 count as a whole,
// as they do in Traefik unless ipv6Subnet says otherwise.
func traefikKey(s *SourceCriterion, limit *Limit) error {
	if limit.IPv6Prefix == "" {
		limit.IPv6Prefix = "0"
	}
	if s == nil {
		return nil
	}
	if limit.Key != "" {
		return &core.OptionError{Option: "key", Value: limit.Key, Want: "none beside sourceCriterion, or key alone"}
	}
	host, err := readBool("sourceCriterion.requestHost", s.RequestHost)
	if err != nil {
		return err
	}
	switch {
	case s.RequestHeaderName != "" && host:
		return exclusive("requestHost")
	case s.IPStrategy != nil && (s.RequestHeaderName != "" || host):
		return exclusive("ipStrategy")
	case s.RequestHeaderName != "":
		limit.Key = "header:" + s.RequestHeaderName
	case host:
		limit.Key = "host"
	case s.IPStrategy != nil && s.IPStrategy.IPv6Subnet != "":
		limit.IPv6Prefix = s.IPStrategy.IPv6Subnet
		_, err = readBetween("sourceCriterion.ipStrategy.ipv6Subnet", s.IPStrategy.IPv6Subnet, 0, 1, 128)
	}
	return err
}

func exclusive(option string) error {
	return &core.OptionError{Option: "sourceCriterion." + option, Value: "beside another criterion", Want: "one of ipStrategy, requestHeaderName and requestHost"}
}
