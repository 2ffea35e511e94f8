package core

import (
	"fmt"
	"strings"
)

// OptionError is a mistake in a configuration: an option, its value, and what
// would be right.
type OptionError struct {
	// Option is the name in snake_case, with those of the blocks it stands in:
	// "redis.address". A host that writes names otherwise changes it.
	Option string

	// Value is what was written; never a secret.
	Value string

	// Want says what would be right.
	Want string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("%s: %q: want %s", e.Option, e.Value, e.Want)
}

// CamelCase turns max_wait into maxWait.
func CamelCase(option string) string {
	parts := strings.Split(option, "_")
	for i, p := range parts {
		if i > 0 && p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// Nearest returns the known name that is the fewest letters away from name, or
// "" where none comes close: "bucket_size" is no slip of "burst".
func Nearest(name string, known []string) string {
	best, bestDistance := "", len(name)/2+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// UnknownOption is the error for a name that is not an option: it says which
// name was probably meant, or else all there are.
func UnknownOption(path, name string, known []string) error {
	want := "one of " + strings.Join(known, ", ")
	if near := Nearest(name, known); near != "" {
		want = near
	}
	return &OptionError{path + "unknown option", name, want}
}

// distance is the number of letters to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			above := row[j]
			d := diagonal
			if a[i-1] != b[j-1] {
				d++
			}
			if above+1 < d {
				d = above + 1
			}
			if row[j-1]+1 < d {
				d = row[j-1] + 1
			}
			row[j], diagonal = d, above
		}
	}
	return row[len(b)]
}
