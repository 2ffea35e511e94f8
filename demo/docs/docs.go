// Package docs holds what README.md and docs say to the code: its tests follow
// every link, measure every size, run the client they show and look up what
// commands name. The configurations are run where the hosts are: Caddy's in
// caddymodule, Traefik's in plugintest and e2e.
package docs

import (
	"os"
	"path/filepath"

	"github.com/weirproxy/weir/demo/checkout"
)

// Files are all documents of the checkout, by their paths in it.
func Files() (map[string]string, error) {
	root, err := checkout.Root()
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			relative, err := filepath.Rel(root, name)
			if err != nil {
				return nil, err
			}
			files[filepath.ToSlash(relative)] = string(text)
		}
	}
	return files, nil
}
