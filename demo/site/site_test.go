package site

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHelloNamesTheProxy(t *testing.T) {
	for _, test := range []struct{ header, want string }{
		{"traefik", `"proxy":"traefik"`},
		{"caddy", `"proxy":"caddy"`},
		{"", `"proxy":"none"`},
	} {
		request := httptest.NewRequest("GET", "/api/hello", nil)
		if test.header != "" {
			request.Header.Set(ProxyHeader, test.header)
		}
		answer := httptest.NewRecorder()
		Handler().ServeHTTP(answer, request)
		if answer.Code != 200 || !strings.Contains(answer.Body.String(), test.want) {
			t.Errorf("%s %q: got %d %s, want %s", ProxyHeader, test.header, answer.Code, answer.Body, test.want)
		}
		if got := answer.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type: got %q", got)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]int{"/": 200, "/style.css": 200, "/app.js": 200, "/api/none": 404, "/none": 404} {
		answer := httptest.NewRecorder()
		Handler().ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		if answer.Code != want {
			t.Errorf("%s: got %d, want %d", path, answer.Code, want)
		}
	}
}
