package traefikplugin

import (
	"net/http"
	"net/textproto"
	"reflect"
	"sort"
	"strings"

	"github.com/weirproxy/weir/core"
)

// matcher says which requests a limit counts. Hosts and paths are compared
// without regard to case: a service that does not mind it must not be reached
// uncounted.
type matcher struct {
	methods []string
	hosts   []glob
	paths   []glob
	headers []headerMatcher
}

type headerMatcher struct {
	name   string
	values []glob
}

// readMatch makes a matcher, nil for one that fits every request. Errors are of
// type *core.OptionError.
func readMatch(m *Match) (*matcher, error) {
	if m == nil || firstSet(reflect.ValueOf(*m)) == "" {
		return nil, nil
	}
	made := &matcher{}
	for _, method := range trimmed(m.Methods) {
		made.methods = append(made.methods, strings.ToUpper(method))
	}
	for _, host := range trimmed(m.Hosts) {
		if strings.ContainsAny(host, "/ ") {
			return nil, &core.OptionError{Option: "match.hosts", Value: host, Want: "a host such as example.com or *.example.com"}
		}
		made.hosts = append(made.hosts, readGlob(hostName(host)))
	}
	for _, path := range trimmed(m.Paths) {
		if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "*") {
			return nil, &core.OptionError{Option: "match.paths", Value: path, Want: "a path such as /api/* or *.json"}
		}
		made.paths = append(made.paths, readGlob(strings.ToLower(path)))
	}
	names := make([]string, 0, len(m.Headers))
	for name := range m.Headers {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		values := trimmed(m.Headers[name])
		if len(values) == 0 {
			return nil, &core.OptionError{Option: "match.headers." + name, Value: "", Want: "a value, or * for any"}
		}
		made.headers = append(made.headers, headerMatcher{textproto.CanonicalMIMEHeaderKey(name), readGlobs(values)})
	}
	return made, nil
}

// matches reports whether the request counts.
func matches(m *matcher, r *http.Request) bool {
	if len(m.methods) > 0 && !contains(m.methods, r.Method) {
		return false
	}
	if len(m.hosts) > 0 && !anyFits(m.hosts, hostName(r.Host)) {
		return false
	}
	if len(m.paths) > 0 && !anyFits(m.paths, strings.ToLower(r.URL.Path)) {
		return false
	}
	for i := range m.headers {
		if !headerMatches(&m.headers[i], r.Header) {
			return false
		}
	}
	return true
}

func headerMatches(m *headerMatcher, header http.Header) bool {
	for _, value := range header[m.name] {
		if anyFits(m.values, value) {
			return true
		}
	}
	return false
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}
