package site

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnswersNameTheProxy(t *testing.T) {
	handler := Handler(Proxy{"traefik", "http://localhost:8080"}, Proxy{"caddy", "http://localhost:8081"})
	const list = `"proxies":[{"name":"traefik","url":"http://localhost:8080"},{"name":"caddy","url":"http://localhost:8081"}]`
	for _, test := range []struct{ path, header, want string }{
		{"/api/hello", "traefik", `"proxy":"traefik"`},
		{"/api/try/token-bucket", "caddy", `"proxy":"caddy"`},
		{"/api/hello", "", `"proxy":"none"`},
		{"/proxies.json", "caddy", `"here":"caddy",` + list},
		{"/proxies.json", "", `"here":"",` + list},
	} {
		request := httptest.NewRequest("GET", test.path, nil)
		if test.header != "" {
			request.Header.Set(ProxyHeader, test.header)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code != 200 || !strings.Contains(answer.Body.String(), test.want) {
			t.Errorf("%s, %s %q: got %d %s, want %s", test.path, ProxyHeader, test.header, answer.Code, answer.Body, test.want)
		}
		if got := answer.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type: got %q", test.path, got)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]int{
		"/": 200, "/style.css": 200, "/app.js": 200, "/icon.svg": 200, "/api/none": 404, "/none": 404,
	} {
		answer := httptest.NewRecorder()
		Handler().ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		if answer.Code != want {
			t.Errorf("%s: got %d, want %d", path, answer.Code, want)
		}
	}
}
