package traefikplugin

import (
	"net/http/httptest"
	"testing"
)

func TestMatches(t *testing.T) {
	for name, test := range map[string]struct {
		match Match
		want  bool
	}{
		"method":               {Match{Methods: []string{"get", " PUT"}}, true},
		"other method":         {Match{Methods: []string{"POST"}}, false},
		"host":                 {Match{Hosts: []string{"Api.Example.com"}}, true},
		"host with a star":     {Match{Hosts: []string{"*.example.com"}}, true},
		"star for more":        {Match{Hosts: []string{"*.api.example.com"}}, false},
		"path":                 {Match{Paths: []string{"/V1/users/42"}}, true},
		"path below":           {Match{Paths: []string{"/v1/*"}}, true},
		"path elsewhere":       {Match{Paths: []string{"/v2/*", "/v1"}}, false},
		"path's end":           {Match{Paths: []string{"*/42"}}, true},
		"path's middle":        {Match{Paths: []string{"/*/users/*"}}, true},
		"no overlap":           {Match{Paths: []string{"/v1/users/4*42"}}, false},
		"header":               {Match{Headers: map[string][]string{"x-plan": {"pro", "free"}}}, true},
		"header with a star":   {Match{Headers: map[string][]string{"X-Plan": {"*"}}}, true},
		"header's case counts": {Match{Headers: map[string][]string{"X-Plan": {"Free"}}}, false},
		"header missing":       {Match{Headers: map[string][]string{"X-None": {"*"}}}, false},
		"all of them":          {Match{Methods: []string{"GET"}, Paths: []string{"/v1/*"}, Hosts: []string{"example.org"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := readMatch(&test.match)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "http://api.example.com:80/v1/Users/42?x=/v2/", nil)
			r.Header.Set("X-Plan", "free")
			if got := matches(m, r); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func TestEmptyMatchIsNone(t *testing.T) {
	for _, m := range []*Match{nil, {}} {
		if made, err := readMatch(m); made != nil || err != nil {
			t.Errorf("got %v, %v", made, err)
		}
	}
}
