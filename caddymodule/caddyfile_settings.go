package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

var settingNames = []string{"redis", "prefix", "on_error", "timeout", "headers", "response", "jitter", "max_keys"}

// setting reads the option that comes now, and checks it.
func (b *block) setting(s *Settings) error {
	option := b.Token()
	if err := b.readSetting(s); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return b.locate(err, option)
	}
	return nil
}

func (b *block) readSetting(s *Settings) (err error) {
	switch b.Val() {
	case "redis":
		s.Redis, err = b.redis()
	case "prefix":
		err = b.text(&s.Prefix)
	case "on_error":
		err = b.text(&s.OnError)
	case "timeout":
		err = b.positive(&s.Timeout)
	case "headers":
		if s.Headers = b.RemainingArgs(); len(s.Headers) == 0 {
			err = b.ArgErr()
		}
	case "response":
		s.Response, err = b.response()
	case "jitter":
		s.Jitter, err = b.fraction()
	case "max_keys":
		err = b.positiveNumber(&s.MaxKeys)
	}
	return err
}

// positive reads a duration of which 0 would mean that nothing was said.
func (b *block) positive(target *caddy.Duration) error {
	option := b.Val()
	d, err := b.duration()
	if err != nil {
		return err
	}
	if *d == 0 {
		return b.mistake(option, "a duration of more than 0, such as 100ms")
	}
	*target = *d
	return nil
}

func (b *block) positiveNumber(target *int) error {
	option := b.Val()
	n, err := number[int](b)
	if err != nil {
		return err
	}
	if *n < 1 {
		return b.mistake(option, "a number from 1")
	}
	*target = *n
	return nil
}

var responseNames = []string{"status", "content_type", "body"}

func (b *block) response() (*Response, error) {
	if b.NextArg() {
		return nil, b.ArgErr()
	}
	r, inner := new(Response), b.within("response")
	for nesting := b.Nesting(); b.NextBlock(nesting); {
		if err := inner.option(responseNames); err != nil {
			return nil, err
		}
		var err error
		switch b.Val() {
		case "status":
			err = inner.positiveNumber(&r.Status)
		case "content_type":
			err = inner.text(&r.ContentType)
		case "body":
			err = inner.text(&r.Body)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

var (
	redisNames = []string{"address", "cluster", "master", "username", "password", "sentinel_username", "sentinel_password", "db", "tls", "pool_size", "dial_timeout"}
	tlsNames   = []string{"ca", "cert", "key", "server_name", "insecure_skip_verify"}
)

// redis reads addresses, a block, or both.
func (b *block) redis() (*Redis, error) {
	option := b.Token()
	r, inner := &Redis{Address: b.RemainingArgs()}, b.within("redis")
	if len(r.Address) > 0 {
		inner.seen["redis.address"] = option
	}
	for nesting := b.Nesting(); b.NextBlock(nesting); {
		if err := inner.option(redisNames); err != nil {
			return nil, err
		}
		if err := inner.redisOption(r); err != nil {
			return nil, err
		}
	}
	return r, inner.checkRedis(r, option)
}

func (b *block) redisOption(r *Redis) (err error) {
	switch b.Val() {
	case "address":
		if r.Address = b.RemainingArgs(); len(r.Address) == 0 {
			err = b.ArgErr()
		}
	case "cluster":
		err = b.flag(&r.Cluster)
	case "master":
		err = b.text(&r.Master)
	case "username":
		err = b.text(&r.Username)
	case "password":
		err = b.text(&r.Password)
	case "sentinel_username":
		err = b.text(&r.SentinelUsername)
	case "sentinel_password":
		err = b.text(&r.SentinelPassword)
	case "db":
		var db *int
		if db, err = number[int](b); err == nil {
			r.DB = *db
		}
	case "tls":
		r.TLS, err = b.tls()
	case "pool_size":
		err = b.positiveNumber(&r.PoolSize)
	case "dial_timeout":
		err = b.positive(&r.DialTimeout)
	}
	return err
}

func (b *block) tls() (*TLS, error) {
	if b.NextArg() {
		return nil, b.ArgErr()
	}
	t, inner := new(TLS), b.within("tls")
	for nesting := b.Nesting(); b.NextBlock(nesting); {
		if err := inner.option(tlsNames); err != nil {
			return nil, err
		}
		var err error
		switch b.Val() {
		case "ca":
			err = inner.text(&t.CA)
		case "cert":
			err = inner.text(&t.Cert)
		case "key":
			err = inner.text(&t.Key)
		case "server_name":
			err = inner.text(&t.ServerName)
		case "insecure_skip_verify":
			err = inner.flag(&t.InsecureSkipVerify)
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// checkRedis finds what is wrong as far as it is written out: placeholders have
// no value before the configuration is loaded.
func (b *block) checkRedis(r *Redis, option caddyfile.Token) error {
	if r.hasPlaceholder() {
		return nil
	}
	options, err := r.options(caddy.NewEmptyReplacer())
	if err == nil {
		_, err = options.Target()
	}
	if err != nil {
		return b.locate(err, option)
	}
	return nil
}
