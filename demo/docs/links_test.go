package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weirproxy/weir/demo/checkout"
)

var (
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
	inline  = regexp.MustCompile("`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	source  = regexp.MustCompile(`(?:src|srcset|href)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// TestLinks: each link within the repository leads to a file, and each
// fragment to a heading.
func TestLinks(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	files := all(t)
	anchors := map[string]map[string]bool{}
	for name, text := range files {
		anchors[name] = map[string]bool{}
		for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			anchors[name][anchor(found[1])] = true
		}
	}
	followed := 0
	for name, text := range files {
		text = inline.ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
		for _, found := range append(link.FindAllStringSubmatch(text, -1), source.FindAllStringSubmatch(text, -1)...) {
			target, fragment, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			followed++
			to := name
			if target != "" {
				to = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: a link to %s, which is not there", name, found[1])
			} else if fragment != "" && !anchors[to][fragment] {
				t.Errorf("%s: a link to %s, where no heading is called so", name, found[1])
			}
		}
	}
	if followed < 20 {
		t.Errorf("only %d links were found", followed)
	}
}

// anchor is what a heading is called in links.
func anchor(heading string) string {
	text := strings.ToLower(strings.ReplaceAll(heading, "`", ""))
	return strings.ReplaceAll(dropped.ReplaceAllString(text, ""), " ", "-")
}

func all(t *testing.T) map[string]string {
	t.Helper()
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, ok := all(t)[name]
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return text
}
