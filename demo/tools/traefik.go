package tools

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// traefikRelease is what the tests are written for; another one in PATH is not
// taken.
const traefikRelease = "3.7"

// Traefik returns the path of a Traefik: the one that WEIR_TRAEFIK names, the
// one that BuildTraefik built for the checkout at root, or the one in PATH.
func Traefik(root string) (string, error) {
	if path, err := named(TraefikEnv); path != "" || err != nil {
		return path, err
	}
	path, built, err := traefikBuild(root)
	if built || err != nil {
		return path, err
	}
	if installed, err := exec.LookPath("traefik"); err == nil {
		version, err := exec.Command(installed, "version").Output()
		if err == nil && strings.Contains(string(version), traefikRelease+".") {
			return installed, nil
		}
	}
	return "", fmt.Errorf("traefik v%s: %w; `make tools` builds it, or set %s to its path", traefikRelease, ErrAbsent, TraefikEnv)
}

// BuildTraefik builds the Traefik that demo/traefik pins, unless it is there
// already. Cold, it takes minutes.
func BuildTraefik(ctx context.Context, root string, log io.Writer) (string, error) {
	path, built, err := traefikBuild(root)
	if built || err != nil {
		return path, err
	}
	// The recipe is copied, as the go command completes its go.mod.
	recipe, err := os.MkdirTemp("", "weir-traefik-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(recipe)
	if err := os.CopyFS(recipe, os.DirFS(filepath.Join(root, "demo", "traefik"))); err != nil {
		return "", err
	}
	err = replaceBuilds(path, "traefik", func(output string) error {
		build := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-o", output,
			"-ldflags", "-s -w", "github.com/traefik/traefik/v3/cmd/traefik")
		build.Dir = recipe
		build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
		build.Stdout, build.Stderr = log, log
		return build.Run()
	})
	if err != nil {
		return "", fmt.Errorf("build traefik: %w", err)
	}
	return path, nil
}

func traefikBuild(root string) (path string, built bool, err error) {
	key, err := contentKey(root, "demo/traefik")
	if err != nil {
		return "", false, err
	}
	return cached("traefik", key)
}
