package yaegihost

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/traefik/paerser/file"
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
	IconPath    string         `yaml:"iconPath"`
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
	// The Catalog reads the test data as Traefik reads a configuration.
	var typed struct {
		TestData map[string]any `yaml:"testData"`
	}
	if err := file.DecodeContent(string(content), ".yaml", &typed); err != nil {
		return nil, fmt.Errorf("%s: testData: %w", ManifestFile, err)
	}
	manifest.TestData = typed.TestData
	return manifest, nil
}

// Options reads a plugin's options from YAML as Traefik's file provider does,
// which turns numbers and booleans into strings and drops what is null.
func Options(content string) (map[string]any, error) {
	var raw any
	if err := yaml.Unmarshal([]byte(content), &raw); err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, nil
	}
	wrapped, err := yaml.Marshal(map[string]any{"plugin": map[string]any{"weir": raw}})
	if err != nil {
		return nil, err
	}
	type pluginConf map[string]any
	var middleware struct {
		Plugin map[string]pluginConf
	}
	if err := file.DecodeContent(string(wrapped), ".yaml", &middleware); err != nil {
		return nil, err
	}
	return middleware.Plugin["weir"], nil
}
