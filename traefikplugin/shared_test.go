package traefikplugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/weirproxy/weir/core/redis"
)

func TestFingerprint(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	renew := func(content string) {
		t.Helper()
		if err := os.WriteFile(ca, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	renew("old")
	options := func() redis.Options {
		return redis.Options{Addresses: []string{"redis:6379"}, Password: "sesame", TLS: &redis.TLS{CA: ca}}
	}
	seen := map[string]string{}
	differs := func(what string, o redis.Options) {
		t.Helper()
		f, err := fingerprint(o)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[f]; ok {
			t.Errorf("%s is taken for %s", what, other)
		}
		seen[f] = what
	}
	differs("the first", options())
	password, name, none := options(), options(), options()
	password.Password, name.TLS.ServerName, none.TLS = "open", "redis.example", nil
	differs("another password", password)
	differs("another server name", name)
	differs("no TLS", none)
	first, err := fingerprint(options())
	if err != nil || seen[first] != "the first" {
		t.Errorf("the same options have two fingerprints, %v", err)
	}
	renew("new")
	differs("a renewed certificate", options())
}
