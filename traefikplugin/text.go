package traefikplugin

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirproxy/weir/core"
)

// Readers of values. Their errors are of type *core.OptionError, for the option
// given.

// readInt reads a whole number; "" is missing.
func readInt(option, s string, missing int64) (int64, error) {
	if s == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0, &core.OptionError{Option: option, Value: s, Want: "a whole number"}
	}
	return n, nil
}

// readBetween reads a whole number from least to most; "" is missing.
func readBetween(option, s string, missing, least, most int64) (int64, error) {
	n, err := readInt(option, s, missing)
	if err != nil || n < least || n > most {
		return 0, &core.OptionError{Option: option, Value: s,
			Want: "a whole number from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10)}
	}
	return n, nil
}

// readBool reads what Traefik's decoder makes of booleans; "" is false.
func readBool(option, s string) (bool, error) {
	if s == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(s)))
	if err != nil {
		return false, &core.OptionError{Option: option, Value: s, Want: "true or false"}
	}
	return b, nil
}

// readDuration reads a duration longer than nothing; "" is missing.
func readDuration(option, s string, missing time.Duration) (time.Duration, error) {
	if s == "" {
		return missing, nil
	}
	d, err := core.ParseDuration(option, s)
	if err == nil && d == 0 {
		err = &core.OptionError{Option: option, Value: s, Want: "a duration longer than 0, such as 500ms"}
	}
	return d, err
}

// readSeconds reads a duration longer than nothing, or a number of seconds as
// Traefik's own options have it; "" is missing.
func readSeconds(option, s string, missing time.Duration) (time.Duration, error) {
	if _, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
		s = strings.TrimSpace(s) + "s"
	}
	return readDuration(option, s, missing)
}

// trimmed is a list without the blanks around its commas, and without what is
// empty then.
func trimmed(list []string) []string {
	var kept []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// inBlock puts the block that an option stands in before its name. Option names
// of the core are snake_case and become camelCase.
func inBlock(block string, err error) error {
	// Yaegi has no errors.As for types of its own.
	if mistake, ok := err.(*core.OptionError); ok {
		return &core.OptionError{Option: block + core.CamelCase(mistake.Option), Value: mistake.Value, Want: mistake.Want}
	}
	return err
}
