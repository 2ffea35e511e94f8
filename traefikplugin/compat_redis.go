package traefikplugin

import (
	"strconv"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
)

// traefikTimeout is how long Traefik's own rateLimit waits for Redis by default.
const traefikTimeout = 3 * time.Second

// readTimeout is the whole time of a decision. Of Traefik's two timeouts, which
// bound a write and a read, the longer counts; what has no bound there is
// bounded as if nothing were set there.
func readTimeout(c *Config) (time.Duration, error) {
	timeout, err := readDuration("timeout", c.Timeout, redis.DefaultTimeout)
	if err != nil || c.Redis == nil {
		return timeout, err
	}
	longest := time.Duration(0)
	for _, option := range []struct{ name, value string }{
		{"redis.readTimeout", c.Redis.ReadTimeout}, {"redis.writeTimeout", c.Redis.WriteTimeout},
	} {
		if option.value == "" {
			continue
		}
		if c.Timeout != "" {
			return 0, &core.OptionError{Option: option.name, Value: option.value, Want: "none beside timeout, which is for the whole decision"}
		}
		d, err := readUnbounded(option.name, option.value)
		if err != nil {
			return 0, err
		}
		if d > longest {
			longest = d
		}
	}
	if longest > 0 {
		return longest, nil
	}
	return timeout, nil
}

// readUnbounded reads a duration that is 0 or negative for no bound.
func readUnbounded(option, s string) (time.Duration, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n <= 0 {
		return traefikTimeout, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d <= 0 {
		return traefikTimeout, nil
	}
	return readSeconds(option, s, 0)
}

// readDialTimeout is 0 for the default, which 0 stands for in Traefik too.
func readDialTimeout(s string) (time.Duration, error) {
	if s == "0" || s == "0s" {
		return 0, nil
	}
	return readSeconds("redis.dialTimeout", s, 0)
}

// readPoolSize is how many connections are open at most, 0 for the default.
// Traefik's pool opens more than poolSize at need, up to maxActiveConns.
func readPoolSize(r *Redis) (int, error) {
	size, err := readBetween("redis.poolSize", r.PoolSize, 0, 0, maxPool)
	if err != nil {
		return 0, err
	}
	active, err := readBetween("redis.maxActiveConns", r.MaxActiveConns, 0, 0, core.MaxCount)
	if err != nil {
		return 0, err
	}
	if _, err := readBetween("redis.minIdleConns", r.MinIdleConns, 0, 0, core.MaxCount); err != nil {
		return 0, err
	}
	if size == 0 {
		size = redis.DefaultPoolSize
	}
	if active > 0 && active < size {
		size = active
	}
	return int(size), nil
}
