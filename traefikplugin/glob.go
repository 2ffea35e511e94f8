package traefikplugin

import "strings"

// glob is a text in which "*" stands for any text, also an empty one.
type glob struct {
	// first and last are what a text has to begin and end with; between are
	// found in this order between them.
	first, last string
	between     []string

	// exact is a glob without a star: first is all of it.
	exact bool
}

func readGlob(s string) glob {
	parts := strings.Split(s, "*")
	last := len(parts) - 1
	if last == 0 {
		return glob{first: s, exact: true}
	}
	return glob{first: parts[0], last: parts[last], between: parts[1:last]}
}

func readGlobs(list []string) []glob {
	globs := make([]glob, len(list))
	for i, s := range list {
		globs[i] = readGlob(s)
	}
	return globs
}

func globFits(g *glob, s string) bool {
	if g.exact {
		return s == g.first
	}
	if !strings.HasPrefix(s, g.first) {
		return false
	}
	s = s[len(g.first):]
	for _, part := range g.between {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return strings.HasSuffix(s, g.last)
}

func anyFits(globs []glob, s string) bool {
	for i := range globs {
		if globFits(&globs[i], s) {
			return true
		}
	}
	return false
}
