package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// TestMain keeps what Caddy stores out of the user's home.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "weir-caddy-")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_DATA_HOME", dir)
	os.Setenv("XDG_CONFIG_HOME", dir)
	code := m.Run()
	if left := leftovers(); left != "" {
		fmt.Println("FAIL: after all tests:", left)
		code = 1
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// leftovers are the parts of the pools that nobody has given back.
func leftovers() string {
	left := ""
	for _, pool := range []*caddy.UsagePool{memories, runners, stores} {
		pool.Range(func(_, value any) bool {
			left += fmt.Sprintf(" %T is still held;", value)
			return true
		})
	}
	if current() != nil {
		left += " an app is still running"
	}
	return left
}

func init() { caddy.RegisterModule(testLog{}) }

// testLog is a log writer that keeps what is logged, for tests to look at.
type testLog struct{}

var logged struct {
	sync.Mutex
	text bytes.Buffer
}

func (testLog) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.writers.weir_test", New: func() caddy.Module { return testLog{} }}
}

func (testLog) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (testLog) String() string                      { return "weir_test" }
func (testLog) WriterKey() string                   { return "weir_test" }
func (testLog) OpenWriter() (io.WriteCloser, error) { return testLog{}, nil }
func (testLog) Close() error                        { return nil }
func (testLog) Write(p []byte) (int, error) {
	logged.Lock()
	defer logged.Unlock()
	return logged.text.Write(p)
}

// logLines returns the lines logged since the last call in which all words are.
func logLines(words ...string) []string {
	logged.Lock()
	defer logged.Unlock()
	var found []string
	for line := range strings.Lines(logged.text.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			found = append(found, line)
		}
	}
	logged.text.Reset()
	return found
}

// adapt turns a Caddyfile into JSON.
func adapt(caddyfile string) ([]byte, error) {
	result, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	return result, err
}

// caddyServer is this process's Caddy with a configuration of the test. There is
// one Caddy in a process, so that such tests take turns.
type caddyServer struct {
	t   testing.TB
	url string
}

// serve runs Caddy with a Caddyfile in which LISTEN stands for a free address.
func serve(t testing.TB, caddyfile string) *caddyServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	s := &caddyServer{t, "http://" + listener.Addr().String()}
	s.load(caddyfile)
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// load replaces the configuration, as caddy reload does.
func (s *caddyServer) load(caddyfile string) {
	s.t.Helper()
	if err := s.tryLoad(caddyfile); err != nil {
		s.t.Fatal(err)
	}
}

func (s *caddyServer) tryLoad(text string) error {
	if !strings.HasPrefix(strings.TrimSpace(text), "{\n") {
		text = "{\n}\n" + text
	}
	text = strings.Replace(text, "{\n", "{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n\tlog {\n\t\toutput weir_test\n\t}\n", 1)
	logLines()
	result, err := adapt(strings.ReplaceAll(text, "LISTEN", s.url))
	if err != nil {
		return err
	}
	return caddy.Load(result, true)
}

// get requests a path and returns the answer with its body read.
func (s *caddyServer) get(path string, header ...string) *answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, header...)
}

type answer struct {
	*http.Response
	text string
}

func (s *caddyServer) do(method, path string, header ...string) *answer {
	s.t.Helper()
	request, err := http.NewRequest(method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	// The listener that a reload replaces takes connections down with it that
	// wait there, for a moment after the reload is over.
	for try := 0; err != nil && try < 10; try++ {
		time.Sleep(10 * time.Millisecond)
		response, err = http.DefaultTransport.RoundTrip(request)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return &answer{response, string(body)}
}

// statuses requests a path n times.
func (s *caddyServer) statuses(n int, path string, header ...string) string {
	s.t.Helper()
	var all []string
	for range n {
		all = append(all, fmt.Sprint(s.get(path, header...).StatusCode))
	}
	return strings.Join(all, " ")
}

func pretty(t testing.TB, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// waitFor waits for a condition, and fails the test where it does not come.
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("waited in vain until %s", what)
			return
		}
	}
}
