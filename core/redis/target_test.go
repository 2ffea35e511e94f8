package redis

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

func TestTarget(t *testing.T) {
	const pool, dial = DefaultPoolSize, DefaultDialTimeout
	tests := map[string]struct {
		options Options
		want    Target
	}{
		"host-port": {
			Options{Addresses: []string{"redis:6379"}},
			Target{Network: "tcp", Addresses: []string{"redis:6379"}, PoolSize: pool, DialTimeout: dial},
		},
		"ipv6": {
			Options{Addresses: []string{"[::1]:6379"}, PoolSize: 3, DialTimeout: time.Second},
			Target{Network: "tcp", Addresses: []string{"[::1]:6379"}, PoolSize: 3, DialTimeout: time.Second},
		},
		"url": {
			Options{Addresses: []string{"redis://me:p%40ss@redis/5"}},
			Target{Network: "tcp", Addresses: []string{"redis:6379"}, Username: "me", Password: "p@ss", DB: 5, PoolSize: pool, DialTimeout: dial},
		},
		"url password only": {
			Options{Addresses: []string{"redis://:secret@[::1]:7000?db=2"}},
			Target{Network: "tcp", Addresses: []string{"[::1]:7000"}, Password: "secret", DB: 2, PoolSize: pool, DialTimeout: dial},
		},
		"fields before url": {
			Options{Addresses: []string{"redis://a:b@redis:1/5"}, Username: "c", Password: "d", DB: 6},
			Target{Network: "tcp", Addresses: []string{"redis:1"}, Username: "c", Password: "d", DB: 6, PoolSize: pool, DialTimeout: dial},
		},
		"unix": {
			Options{Addresses: []string{"unix:///run/redis.sock?db=3"}},
			Target{Network: "unix", Addresses: []string{"/run/redis.sock"}, DB: 3, PoolSize: pool, DialTimeout: dial},
		},
		"several are a cluster": {
			Options{Addresses: []string{"a:1", "redis://b:2"}},
			Target{Shape: Cluster, Network: "tcp", Addresses: []string{"a:1", "b:2"}, PoolSize: pool, DialTimeout: dial},
		},
		"a cluster behind one": {
			Options{Addresses: []string{"a:1"}, Cluster: true},
			Target{Shape: Cluster, Network: "tcp", Addresses: []string{"a:1"}, PoolSize: pool, DialTimeout: dial},
		},
		"sentinels": {
			Options{Addresses: []string{"a:1", "b:2"}, Master: "m", SentinelPassword: "s", DB: 1},
			Target{Shape: Sentinels, Network: "tcp", Addresses: []string{"a:1", "b:2"}, Master: "m", SentinelPassword: "s", DB: 1, PoolSize: pool, DialTimeout: dial},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := test.options.Target()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
		})
	}
}

func TestTargetTLS(t *testing.T) {
	for _, o := range []Options{
		{Addresses: []string{"rediss://redis:6379"}},
		{Addresses: []string{"redis:6379"}, TLS: &TLS{}},
		{Addresses: []string{"rediss://a:1", "rediss://b:2"}},
	} {
		target, err := o.Target()
		if err != nil || target.TLS == nil || target.TLS.InsecureSkipVerify {
			t.Errorf("%+v: %+v, %v", o, target, err)
		}
	}
}

func TestTargetMistakes(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		options Options
		option  string
		value   string
	}{
		"none":                {Options{}, "address", ""},
		"empty":               {Options{Addresses: []string{""}}, "address", ""},
		"no port":             {Options{Addresses: []string{"redis"}}, "address", "redis"},
		"no host":             {Options{Addresses: []string{":6379"}}, "address", ":6379"},
		"port not a number":   {Options{Addresses: []string{"redis:six"}}, "address", "redis:six"},
		"port too large":      {Options{Addresses: []string{"redis://redis:65536"}}, "address", "redis://redis:65536"},
		"bare ipv6":           {Options{Addresses: []string{"::1"}}, "address", "::1"},
		"user without scheme": {Options{Addresses: []string{"me:secret@redis:6379"}}, "address", "…@redis:6379"},
		"unescaped password":  {Options{Addresses: []string{"redis://me:secret/x@redis:6379"}}, "address", "redis://…"},
		"forgotten host":      {Options{Addresses: []string{"redis://:secret"}}, "address", "redis://…"},
		"numeric password":    {Options{Addresses: []string{"redis://:4711"}}, "address", "redis://…"},
		"password as path":    {Options{Addresses: []string{"redis://me:47/secret@redis:6379"}}, "address", "redis://…"},
		"other scheme":        {Options{Addresses: []string{"http://me:secret@redis"}}, "address", "http://redis"},
		"db not a number":     {Options{Addresses: []string{"redis://:secret@redis/x"}}, "address", "redis://redis/x"},
		"parameter":           {Options{Addresses: []string{"redis://redis?timeout=secret"}}, "address", "redis://redis?timeout"},
		"relative socket":     {Options{Addresses: []string{"unix://run/redis.sock"}}, "address", "unix://run/redis.sock"},
		"two sockets":         {Options{Addresses: []string{"unix:///a", "unix:///b"}}, "address", "/a"},
		"half secured":        {Options{Addresses: []string{"rediss://a:1", "b:2"}}, "address", "b:2"},
		"two users":           {Options{Addresses: []string{"redis://a:s@a:1", "redis://b:s@b:2"}}, "address", "b:2"},
		"two passwords":       {Options{Addresses: []string{"redis://:secret1@a:1", "redis://:secret2@b:2"}}, "address", "b:2"},
		"cluster db":          {Options{Addresses: []string{"a:1", "b:2"}, DB: 3}, "db", "3"},
		"negative db":         {Options{Addresses: []string{"a:1"}, DB: -1}, "db", "-1"},
		"cluster and master":  {Options{Addresses: []string{"a:1"}, Cluster: true, Master: "m"}, "cluster", "true"},
		"socket and master":   {Options{Addresses: []string{"unix:///a"}, Master: "m"}, "master", "m"},
		"socket and cluster":  {Options{Addresses: []string{"unix:///a"}, Cluster: true}, "cluster", "true"},
		"socket and tls":      {Options{Addresses: []string{"unix:///a"}, TLS: &TLS{}}, "tls", "/a"},
		"sentinel password":   {Options{Addresses: []string{"a:1"}, SentinelPassword: "secret"}, "master", ""},
		"sentinel user":       {Options{Addresses: []string{"a:1"}, SentinelUsername: "u"}, "sentinel_username", "u"},
		"pool size":           {Options{Addresses: []string{"a:1"}, PoolSize: -1}, "pool_size", "-1"},
		"dial timeout":        {Options{Addresses: []string{"a:1"}, DialTimeout: -time.Second}, "dial_timeout", "-1s"},
		"no ca file":          {Options{Addresses: []string{"a:1"}, TLS: &TLS{CA: "/nowhere/ca.pem"}}, "tls.ca", "/nowhere/ca.pem"},
		"empty ca file":       {Options{Addresses: []string{"a:1"}, TLS: &TLS{CA: empty}}, "tls.ca", empty},
		"cert without key":    {Options{Addresses: []string{"a:1"}, TLS: &TLS{Cert: empty}}, "tls.key", ""},
		"key without cert":    {Options{Addresses: []string{"a:1"}, TLS: &TLS{Key: empty}}, "tls.cert", ""},
		"no cert file":        {Options{Addresses: []string{"a:1"}, TLS: &TLS{Cert: "/nowhere", Key: empty}}, "tls.cert", "/nowhere"},
		"no key file":         {Options{Addresses: []string{"a:1"}, TLS: &TLS{Cert: empty, Key: "/nowhere"}}, "tls.key", "/nowhere"},
		"cert not PEM":        {Options{Addresses: []string{"a:1"}, TLS: &TLS{Cert: empty, Key: empty}}, "tls.cert", empty},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.options.Target()
			mistake, ok := err.(*core.OptionError)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if mistake.Option != "redis."+test.option || mistake.Value != test.value || mistake.Want == "" {
				t.Errorf("got %q for option %q, want %q for %q: %v", mistake.Value, mistake.Option, test.value, test.option, err)
			}
			if strings.Contains(err.Error(), "secret") && !strings.Contains(err.Error(), "sentinel_password") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}
