package docs

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestClient runs the client that docs/headers.md shows.
func TestClient(t *testing.T) {
	source := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindStringSubmatch(read(t, "docs/headers.md"))
	if source == nil {
		t.Fatal("docs/headers.md shows no client")
	}
	directory := t.TempDir()
	file, program := filepath.Join(directory, "polite.go"), filepath.Join(directory, "polite")
	if err := os.WriteFile(file, []byte(source[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("go", "build", "-o", program, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}

	for name, test := range map[string]struct {
		denial  int
		after   string
		calls   int
		printed string
	}{
		"denied once":     {429, "1", 2, "200 OK"},
		"store down once": {503, "1", 2, "200 OK"},
		"denied for ever": {429, "", 1, "429 Too Many Requests"},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []time.Time
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls = append(calls, time.Now())
				if len(calls) == 1 {
					if test.after != "" {
						w.Header().Set("Retry-After", test.after)
					}
					w.WriteHeader(test.denial)
				}
			}))
			output, err := exec.Command(program, server.URL).CombinedOutput()
			server.Close() // waits for the handler, which writes calls
			if err != nil || !strings.Contains(string(output), test.printed) {
				t.Errorf("got %s, %v, want %s", output, err, test.printed)
			}
			if len(calls) != test.calls {
				t.Fatalf("%d calls, want %d", len(calls), test.calls)
			}
			if len(calls) > 1 && calls[1].Sub(calls[0]) < time.Second {
				t.Errorf("the second call came after %s, before Retry-After", calls[1].Sub(calls[0]))
			}
		})
	}
}
