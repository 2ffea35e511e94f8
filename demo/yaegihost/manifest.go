package yaegihost

import (
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// ManifestFile is where a plugin's repository has its manifest.
const ManifestFile = ".traefik.yml"

// Manifest is what Traefik and the Plugin Catalog read about a plugin.
type Manifest struct {
	DisplayName string         `yaml:"displayName"`
	Type        string         `yaml:"type"`
	Runtime     string         `yaml:"runtime"`
	Import      string         `yaml:"import"`
	BasePkg     string         `yaml:"basePkg"`
	Summary     string         `yaml:"summary"`
	UseUnsafe   bool           `yaml:"useUnsafe"`
	TestData    map[string]any `yaml:"testData"`
}

// ReadManifest reads the manifest of the checkout at root.
func ReadManifest(root string) (*Manifest, error) {
	content, err := os.ReadFile(filepath.Join(root, ManifestFile))
	if err != nil {
		return nil, fmt.Errorf("read the plugin's manifest: %w", err)
	}
	manifest := new(Manifest)
	if err := yaml.Unmarshal(content, manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestFile, err)
	}
	return manifest, nil
}
