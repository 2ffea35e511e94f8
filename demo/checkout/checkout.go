// Package checkout finds the repository that the demo runs in and copies from
// it what Traefik reads of a plugin.
package checkout

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Module is the path of the module whose checkout this is.
const Module = "github.com/weirproxy/weir"

// Root returns the root of the checkout around the working directory.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		gomod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && declares(gomod, Module) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a checkout of %s: the plugin's source is read from there", start, Module)
		}
	}
}

func declares(gomod []byte, module string) bool {
	for line := range bytes.Lines(gomod) {
		if string(bytes.TrimSpace(line)) == "module "+module {
			return true
		}
	}
	return false
}

// pluginParts are what the plugin consists of: Traefik reads the manifest and,
// through Yaegi, the source.
var pluginParts = []string{".traefik.yml", "go.mod", "core", "traefikplugin"}

// CopyPlugin copies the plugin in the checkout at root into goPath, where
// Traefik and Yaegi look for it: goPath/src/<module path>.
func CopyPlugin(root, goPath string) error {
	target := filepath.Join(goPath, "src", filepath.FromSlash(Module))
	for _, part := range pluginParts {
		if err := copyTree(filepath.Join(root, part), filepath.Join(target, part)); err != nil {
			return fmt.Errorf("copy the plugin: %w", err)
		}
	}
	return nil
}

// copyTree copies a file, or the Go files under a directory, tests excepted. It
// reports a source that is missing.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if path != from && (!strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go")) {
			return nil
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyFile(path, filepath.Join(to, rel))
	})
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
