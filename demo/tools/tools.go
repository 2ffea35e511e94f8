// Package tools finds the real proxies that the tests run, and builds them from
// the Go module proxy into the user's cache directory.
package tools

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrAbsent means that a program is neither named, nor built, nor installed.
// The error's text says how to get it.
var ErrAbsent = errors.New("not found")

// The environment variables that name a binary to use as it is.
const (
	TraefikEnv = "WEIR_TRAEFIK"
	CaddyEnv   = "WEIR_CADDY"
)

// named returns the binary that the environment variable names, "" if it is
// not set.
func named(variable string) (string, error) {
	path := os.Getenv(variable)
	if path == "" {
		return "", nil
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s=%s: no such program", variable, path)
	}
	return filepath.Abs(path)
}

// cached returns where the build of a program with this key is kept, and
// whether it is there.
func cached(program, key string) (path string, built bool, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", false, err
	}
	name := program + "-" + key
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path = filepath.Join(cache, "weir", name)
	_, err = os.Stat(path)
	if err == nil {
		return path, true, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return path, false, err
}

// replaceBuilds calls build with a path to write to, puts the result at path in
// one step, so that nobody runs half a binary, and removes older builds.
func replaceBuilds(path, program string, build func(output string) error) error {
	directory := filepath.Dir(path)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(directory, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	output := filepath.Join(work, filepath.Base(path))
	if err := build(output); err != nil {
		return err
	}
	if err := os.Rename(output, path); err != nil {
		return err
	}
	older, err := filepath.Glob(filepath.Join(directory, program+"-*"))
	if err != nil {
		return err
	}
	for _, old := range older {
		if old != path {
			_ = os.Remove(old)
		}
	}
	return nil
}

// contentKey is a hash of the files at the paths under root, tests excepted: as
// long as it is the same, so is the program built from them.
func contentKey(root string, paths ...string) (string, error) {
	hash := sha256.New()
	for _, path := range paths {
		err := filepath.WalkDir(filepath.Join(root, path), func(file string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if entry.Name() == "testdata" {
					return fs.SkipDir
				}
				return nil
			}
			if strings.HasSuffix(file, "_test.go") {
				return nil
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			fmt.Fprintf(hash, "%s %d\n", filepath.ToSlash(name), len(content))
			hash.Write(content)
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:12], nil
}
