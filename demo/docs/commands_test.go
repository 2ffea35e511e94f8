package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/weirproxy/weir/demo/checkout"
)

var shell = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestCommands: what the documents' commands name is there: packages, targets,
// profiles, flags, subcommands. Most of them are run by tests of their own.
func TestCommands(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for name, text := range all(t) {
		for _, block := range shell.FindAllStringSubmatch(text, -1) {
			for _, command := range strings.Split(strings.TrimSpace(block[1]), "\n") {
				found++
				if problem := check(t, root, strings.Fields(command)); problem != "" {
					t.Errorf("%s: %s: %s", name, command, problem)
				}
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d commands were found", found)
	}
}

// check says what of a command is not there, "" if all is.
func check(t *testing.T, root string, words []string) string {
	t.Helper()
	switch words[0] {
	case "go":
		return checkRun(root, words[1:])
	case "make":
		for _, target := range words[1:] {
			if !contains(t, root, "Makefile", "\n"+target+":") {
				return "no such target"
			}
		}
		return ""
	case "xcaddy":
		for i, word := range words {
			if word == "--with" {
				module, _, _ := strings.Cut(words[i+1], "@")
				directory := strings.TrimPrefix(module, checkout.Module)
				if _, err := os.Stat(filepath.Join(root, directory)); err != nil {
					return err.Error()
				}
			}
		}
		return ""
	case "docker":
		return checkCompose(t, root, words[1:])
	case "caddy":
		if words[1] != "weir" || !contains(t, root, "caddymodule/command.go", `"`+words[2]+" ") {
			return "no such subcommand"
		}
		return ""
	case "git", "cd", "mkdir", "ln":
		return ""
	}
	return "a command that the test does not know"
}

func checkRun(root string, words []string) string {
	if len(words) < 2 || words[0] != "run" {
		return "want go run"
	}
	if _, err := os.Stat(filepath.Join(root, words[1])); err != nil {
		return err.Error()
	}
	known := map[string]bool{"-redis": true, "-traefik": true, "-traefik-port": true, "-caddy-port": true, "-h": true}
	for _, word := range words[2:] {
		if strings.HasPrefix(word, "-") && !known[word] {
			return "no such flag: " + word
		}
	}
	return ""
}

func checkCompose(t *testing.T, root string, words []string) string {
	t.Helper()
	var file struct {
		Services map[string]struct{ Profiles []string }
	}
	content, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	for i, word := range words {
		if word != "--profile" {
			continue
		}
		there := false
		for _, service := range file.Services {
			for _, profile := range service.Profiles {
				there = there || profile == words[i+1]
			}
		}
		if !there {
			return "no such profile"
		}
	}
	return ""
}

func contains(t *testing.T, root, name, text string) bool {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(content), text)
}
