package yaegihost

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

const fixture = "testdata/fixture"

func TestMiddlewaresShareAnInterpreter(t *testing.T) {
	host := loadFixture(t, slog.New(slog.DiscardHandler))
	first := middleware(t, host, "a@file", nil)
	second := middleware(t, host, "b@file", map[string]any{
		// Weakly typed, without regard to case, lists split at commas.
		"greeting": "hi", "TIMES": "3", "names": "x,y", "store": map[string]any{"address": "redis:6379"},
	})

	want := []string{"a@file hello 1   1", "b@file hi 3 x|y redis:6379 2"}
	for i, handler := range []http.Handler{first, second} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
		if got := answer.Header().Get("X-Fixture"); got != want[i] {
			t.Errorf("got %q, want %q", got, want[i])
		}
		if answer.Code != http.StatusTeapot {
			t.Errorf("next was not called: got %d", answer.Code)
		}
	}
}

func TestOptionsThatDoNotFit(t *testing.T) {
	host := loadFixture(t, slog.New(slog.DiscardHandler))
	for name, test := range map[string]struct {
		options map[string]any
		want    string
	}{
		"unknown":    {map[string]any{"greetign": "hi"}, "greetign"},
		"wrong type": {map[string]any{"times": "many"}, "Times"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := host.New(context.Background(), teapot, "m", test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %q", err, test.want)
			}
		})
	}
}

func TestOutputIsLoggedAsTraefikDoes(t *testing.T) {
	var logged bytes.Buffer
	options := &slog.HandlerOptions{Level: slog.LevelDebug}
	host := loadFixture(t, slog.New(slog.NewTextHandler(&logged, options)))
	middleware(t, host, "a@file", nil)
	for _, want := range []string{`level=DEBUG msg="made a@file"`, `level=ERROR msg=".* warned a@file"`} {
		if !regexp.MustCompile(want).MatchString(logged.String()) {
			t.Errorf("no %s in:\n%s", want, &logged)
		}
	}
}

var teapot = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusTeapot)
})

func loadFixture(t *testing.T, logger *slog.Logger) *Host {
	t.Helper()
	host, err := Load(fixture, logger)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func middleware(t *testing.T, host *Host, name string, options map[string]any) http.Handler {
	t.Helper()
	handler, err := host.New(context.Background(), teapot, name, options)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}
