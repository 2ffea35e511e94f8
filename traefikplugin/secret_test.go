package traefikplugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("of a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEIR_TEST_SECRET", "of a variable")
	t.Setenv("WEIR_TEST_ADDRESSES", "a:1, b:2")
	c := &Config{Redis: &Redis{
		Address:  []string{"env:WEIR_TEST_ADDRESSES", " c:3"},
		Username: "env:WEIR_TEST_SECRET", Password: "file:" + file,
	}}
	o, err := readRedis(c)
	if err != nil {
		t.Fatal(err)
	}
	if o.Username != "of a variable" || o.Password != "of a file" || strings.Join(o.Addresses, " ") != "a:1 b:2 c:3" {
		t.Errorf("got %+v", o)
	}
	if c.Redis.Password != "file:"+file {
		t.Error("the configuration has the secret in it now")
	}
}

func TestSecretsThatAreNotThere(t *testing.T) {
	for want, r := range map[string]*Redis{
		`redis.password: "env:WEIR_TEST_NONE": want`: {Address: []string{"a:1"}, Password: "env:WEIR_TEST_NONE"},
		`redis.address: "file:/nowhere": want`:       {Address: []string{"file:/nowhere"}},
		`redis.tls.ca: "env:WEIR_TEST_NONE": want`:   {Address: []string{"a:1"}, TLS: &TLS{CA: "env:WEIR_TEST_NONE"}},
	} {
		if _, err := readRedis(&Config{Redis: r}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
}
