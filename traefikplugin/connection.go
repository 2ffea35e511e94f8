package traefikplugin

import (
	"reflect"
	"strings"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
)

// readRedis makes the options of a connection. Errors are of type
// *core.OptionError.
func readRedis(r *Redis) (redis.Options, error) {
	var o redis.Options
	if len(trimmed(r.Address)) == 0 {
		return o, &core.OptionError{Option: "redis.address", Value: "", Want: "an address such as redis:6379"}
	}
	resolved := *r
	if err := resolve("redis.", reflect.ValueOf(&resolved).Elem()); err != nil {
		return o, err
	}
	o.Addresses = trimmed(strings.Split(strings.Join(resolved.Address, ","), ","))
	o.Master = resolved.Master
	o.Username, o.Password = resolved.Username, resolved.Password
	o.SentinelUsername, o.SentinelPassword = resolved.SentinelUsername, resolved.SentinelPassword
	var err error
	if o.Cluster, err = readBool("redis.cluster", resolved.Cluster); err != nil {
		return o, err
	}
	db, err := readInt("redis.db", resolved.DB, 0)
	if err != nil {
		return o, err
	}
	size, err := readBetween("redis.poolSize", resolved.PoolSize, 0, 0, maxPool)
	if err != nil {
		return o, err
	}
	o.DB, o.PoolSize = int(db), int(size)
	if o.DialTimeout, err = readSeconds("redis.dialTimeout", resolved.DialTimeout, 0); err != nil {
		return o, err
	}
	if r.TLS != nil {
		o.TLS, err = readTLS(r.TLS)
	}
	return o, err
}

// maxPool is more connections than any proxy needs to a server that does one
// thing at a time.
const maxPool = 1000

func readTLS(t *TLS) (*redis.TLS, error) {
	resolved := *t
	if err := resolve("redis.tls.", reflect.ValueOf(&resolved).Elem()); err != nil {
		return nil, err
	}
	skip, err := readBool("redis.tls.insecureSkipVerify", resolved.InsecureSkipVerify)
	return &redis.TLS{
		CA: resolved.CA, Cert: resolved.Cert, Key: resolved.Key,
		ServerName: resolved.ServerName, InsecureSkipVerify: skip,
	}, err
}

// resolve replaces the references among a block's texts by what they refer to.
func resolve(block string, v reflect.Value) error {
	for i := 0; i < v.NumField(); i++ {
		field := v.Field(i)
		name, _ := optionName(v.Type().Field(i))
		switch {
		case field.Kind() == reflect.String:
			value, err := readSecret(block+name, field.String())
			if err != nil {
				return err
			}
			field.SetString(value)
		case field.Kind() == reflect.Slice:
			list := make([]string, field.Len())
			for j := range list {
				value, err := readSecret(block+name, strings.TrimSpace(field.Index(j).String()))
				if err != nil {
					return err
				}
				list[j] = value
			}
			field.Set(reflect.ValueOf(list))
		}
	}
	return nil
}
