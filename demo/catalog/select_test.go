package catalog

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Yaegi keeps a select's channels in the statement, not in the goroutine that
// runs it. Two that run one at a time take from, and wait for, each other's
// channels: connections go to the wrong server, and waits never end.
func TestNoSelectIsInterpreted(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.Dir}}{{end}}", "./traefikplugin")
	list.Dir = root(t)
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	for _, directory := range strings.Fields(string(output)) {
		sources, err := filepath.Glob(filepath.Join(directory, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			if strings.HasSuffix(source, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(files, source, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if statement, ok := node.(*ast.SelectStmt); ok {
					t.Errorf("%s: a select; receive from one channel, that of a context for one", files.Position(statement.Pos()))
				}
				return true
			})
		}
	}
}
