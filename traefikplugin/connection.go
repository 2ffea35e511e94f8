package traefikplugin

import (
	"reflect"
	"strings"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/redis"
)

// readRedis makes the options of a connection. Errors are of type
// *core.OptionError.
func readRedis(c *Config) (redis.Options, error) {
	var o redis.Options
	resolved := *c.Redis
	if err := resolve("redis.", reflect.ValueOf(&resolved).Elem()); err != nil {
		return o, err
	}
	var err error
	if o.Addresses, err = readAddresses(c, &resolved); err != nil {
		return o, err
	}
	o.Master = resolved.Master
	o.Username, o.Password = resolved.Username, resolved.Password
	o.SentinelUsername, o.SentinelPassword = resolved.SentinelUsername, resolved.SentinelPassword
	if o.Cluster, err = readBool("redis.cluster", resolved.Cluster); err != nil {
		return o, err
	}
	db, err := readInt("redis.db", resolved.DB, 0)
	if err != nil {
		return o, err
	}
	o.DB = int(db)
	if o.PoolSize, err = readPoolSize(&resolved); err != nil {
		return o, err
	}
	if len(trimmed(resolved.Endpoints)) > 1 {
		// Traefik asks a Cluster then, which has only one, and passes this over.
		o.DB = 0
	}
	if o.DialTimeout, err = readDialTimeout(resolved.DialTimeout); err != nil {
		return o, err
	}
	if resolved.TLS != nil {
		o.TLS, err = readTLS(resolved.TLS)
	}
	return o, err
}

func readAddresses(c *Config, r *Redis) ([]string, error) {
	// What a reference refers to may be a list.
	addresses := trimmed(strings.Split(strings.Join(r.Address, ","), ","))
	endpoints := trimmed(strings.Split(strings.Join(r.Endpoints, ","), ","))
	switch {
	case len(addresses) == 0 && len(endpoints) == 0 && traefikOption(c) != "":
		return []string{traefikEndpoint}, nil
	case len(addresses) == 0 && len(endpoints) == 0:
		return nil, &core.OptionError{Option: "redis.address", Value: "", Want: "an address such as redis:6379"}
	case len(addresses) > 0 && len(endpoints) > 0:
		return nil, &core.OptionError{Option: "redis.endpoints", Value: "beside address", Want: "one of the two: they mean the same"}
	case len(endpoints) > 0:
		return endpoints, nil
	}
	return addresses, nil
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
