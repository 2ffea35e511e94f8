package tools

import (
	"os"
	"path/filepath"
	"testing"
)

func TestContentKey(t *testing.T) {
	here, elsewhere := t.TempDir(), t.TempDir()
	for _, root := range []string{here, elsewhere} {
		write(t, root, "part/code.go", "package part")
	}
	first := key(t, here)
	if got := key(t, elsewhere); got != first {
		t.Error("the key depends on where the checkout is")
	}
	write(t, here, "part/code_test.go", "package part")
	write(t, here, "part/testdata/case", "one")
	write(t, here, "other/code.go", "package other")
	if got := key(t, here); got != first {
		t.Error("the key depends on what is not built")
	}
	write(t, here, "part/code.go", "package part // changed")
	if got := key(t, here); got == first {
		t.Error("a change did not change the key")
	}
}

func key(t *testing.T, root string) string {
	t.Helper()
	key, err := contentKey(root, "part")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
