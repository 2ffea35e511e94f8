package catalog

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/modfile"

	"github.com/weirproxy/weir/demo/checkout"
	"github.com/weirproxy/weir/demo/yaegihost"
)

// The Catalog gives a plugin 10 s to load; a slower machine than this one has
// to manage too.
const loadTime = 5 * time.Second

func TestGoMod(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	gomod, err := modfile.Parse("go.mod", content, nil)
	if err != nil {
		t.Fatal(err)
	}
	if gomod.Module.Mod.Path != checkout.Module {
		t.Errorf("module %s, want %s", gomod.Module.Mod.Path, checkout.Module)
	}
	for _, require := range gomod.Require {
		path := require.Mod.Path
		if strings.Contains(path, "github.com/traefik/yaegi") || strings.Contains(path, "github.com/traefik/traefik") {
			t.Errorf("go.mod requires %s: the Catalog refuses the plugin", path)
		}
	}
	// Its parser is older than other directives, and fails on those.
	known := map[string]bool{"module": true, "go": true, "require": true, "exclude": true, "replace": true, "retract": true}
	for _, statement := range gomod.Syntax.Stmt {
		directive := ""
		switch statement := statement.(type) {
		case *modfile.Line:
			directive = statement.Token[0]
		case *modfile.LineBlock:
			directive = statement.Token[0]
		default:
			continue
		}
		if !known[directive] {
			t.Errorf("go.mod has a %s directive, which the Catalog's parser may not know", directive)
		}
	}
}

func TestManifest(t *testing.T) {
	manifest := manifest(t)
	for field, value := range map[string]string{
		"displayName": manifest.DisplayName, "import": manifest.Import, "summary": manifest.Summary,
	} {
		if value == "" {
			t.Errorf("%s has no %s", yaegihost.ManifestFile, field)
		}
	}
	if manifest.Type != "middleware" {
		t.Errorf("type: got %q, want middleware", manifest.Type)
	}
	if len(manifest.TestData) == 0 {
		t.Errorf("%s has no testData", yaegihost.ManifestFile)
	}
	if manifest.Import != checkout.Module && !strings.HasPrefix(manifest.Import, checkout.Module+"/") {
		t.Errorf("import: %s is not in %s", manifest.Import, checkout.Module)
	}
	if _, err := os.Stat(filepath.Join(root(t), manifest.IconPath)); manifest.IconPath == "" || err != nil {
		t.Errorf("iconPath: %q is not in the repository", manifest.IconPath)
	}
	if manifest.UseUnsafe {
		t.Error("useUnsafe asks operators for a consent that the plugin does not need")
	}
}

func TestPluginLoads(t *testing.T) {
	manifest := manifest(t)
	began := time.Now()
	host, err := yaegihost.Load(root(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := host.New(ctx, http.NotFoundHandler(), "test", manifest.TestData); err != nil {
		t.Fatalf("New with the manifest's testData: %v", err)
	}
	if took := time.Since(began); took > loadTime {
		t.Errorf("loading took %s, want under %s", took, loadTime)
	}
}

func TestNewDoesNotDial(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	host, err := yaegihost.Load(root(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err = host.New(ctx, http.NotFoundHandler(), "test", map[string]any{
		"rate": "3/10s", "redis": map[string]any{"address": server.Addr().String()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.(*net.TCPListener).SetDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if connection, err := server.Accept(); err == nil {
		connection.Close()
		t.Error("New connected to Redis; only a request may, or time")
	}
}

func TestPluginImportsOnlyTheStandardLibrary(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./traefikplugin")
	list.Dir = root(t)
	var stderr bytes.Buffer
	list.Stderr = &stderr
	output, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	for _, imported := range strings.Fields(string(output)) {
		if !strings.HasPrefix(imported, checkout.Module+"/") {
			t.Errorf("the plugin imports %s, which Yaegi has no source of", imported)
		}
	}
}

// What Traefik downloads is the module's archive, without nested modules, and a
// root vendor directory would be read in place of the module.
func TestNothingIsMissingFromTheArchive(t *testing.T) {
	for _, room := range []string{"core", "traefikplugin"} {
		err := filepath.WalkDir(filepath.Join(root(t), room), func(path string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Base(path) == "go.mod" {
				t.Errorf("%s makes its directory vanish from the module's archive", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(root(t), "vendor")); err == nil {
		t.Error("there is a vendor directory")
	}
}

func root(t *testing.T) string {
	t.Helper()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func manifest(t *testing.T) *yaegihost.Manifest {
	t.Helper()
	manifest, err := yaegihost.ReadManifest(root(t))
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}
