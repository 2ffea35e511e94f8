package tools

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"

	"github.com/caddyserver/xcaddy"

	"github.com/weirproxy/weir/demo/checkout"
)

// caddyVersion is the one that the root module requires too.
const caddyVersion = "v2.11.9"

// Caddy returns the path of a Caddy with the module of the checkout at root:
// the one that WEIR_CADDY names, or one built by xcaddy, anew whenever the
// module's source has changed.
func Caddy(ctx context.Context, root string) (string, error) {
	if path, err := named(CaddyEnv); path != "" || err != nil {
		return path, err
	}
	key, err := contentKey(root, "go.mod", "go.sum", "core", "caddymodule")
	if err != nil {
		return "", err
	}
	path, built, err := cached("caddy", caddyVersion+"-"+key)
	if built || err != nil {
		return path, err
	}
	if err := replaceBuilds(path, "caddy", func(output string) error { return buildCaddy(ctx, root, output) }); err != nil {
		return "", fmt.Errorf("build caddy: %w", err)
	}
	return path, nil
}

func buildCaddy(ctx context.Context, root, output string) error {
	cgo, err := exec.CommandContext(ctx, "go", "env", "CGO_ENABLED").Output()
	if err != nil {
		return err
	}
	return xcaddy.Builder{
		// As the go command builds the tests, so that both share compiled
		// packages: with cgo where it is, and paths untrimmed.
		Compile:      xcaddy.Compile{Cgo: string(bytes.TrimSpace(cgo)) == "1"},
		BuildFlags:   "-ldflags '-w -s' -tags nobadger,nomysql,nopgx",
		CaddyVersion: caddyVersion,
		Plugins: []xcaddy.Dependency{
			// With a version, or the go command would look for one online, which
			// fails where a proxy does not know the module.
			{PackagePath: checkout.Module, Version: "v0.0.0"},
			{PackagePath: checkout.Module + "/caddymodule"},
			{PackagePath: checkout.Module + "/caddymodule/dropin"},
		},
		Replacements: []xcaddy.Replace{xcaddy.NewReplace(checkout.Module, root)},
	}.Build(ctx, output)
}
