package traefikplugin

import (
	"os"
	"strings"

	"github.com/weirproxy/weir/core"
)

// readSecret returns a value as it is or, for "env:NAME" and "file:/path", what
// it refers to. Errors are of type *core.OptionError and name the reference.
func readSecret(option, value string) (string, error) {
	if name, ok := strings.CutPrefix(value, "env:"); ok {
		secret, set := os.LookupEnv(name)
		if !set {
			return "", &core.OptionError{Option: option, Value: value, Want: "the name of a variable in Traefik's environment"}
		}
		return secret, nil
	}
	if path, ok := strings.CutPrefix(value, "file:"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", &core.OptionError{Option: option, Value: value, Want: "the path of a file that Traefik can read"}
		}
		// Editors and echo end a file with a line break.
		return strings.TrimRight(string(content), "\r\n"), nil
	}
	return value, nil
}
