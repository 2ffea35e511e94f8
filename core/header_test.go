package core_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/weirproxy/weir/core"
)

// limits makes the spec's limits.
func limits(t testing.TB, spec core.Spec) []*core.Limit {
	t.Helper()
	l, err := spec.Limits("weir")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func limit(t testing.TB, name, rate string) *core.Limit {
	t.Helper()
	return limits(t, core.Spec{Name: name, Rate: rate})[0]
}

func TestParseHeaders(t *testing.T) {
	for text, want := range map[string]core.Headers{
		"":                      {RateLimit: true},
		"ratelimit":             {RateLimit: true},
		"RateLimit,x-ratelimit": {RateLimit: true, XRateLimit: true},
		" x-ratelimit ":         {XRateLimit: true},
		"off":                   {},
		"OFF":                   {},
	} {
		var names []string
		if text != "" {
			names = strings.Split(text, ",")
		}
		if got, err := core.ParseHeaders(names); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"off,ratelimit": "off alone", "rate-limit": "ratelimit, x-ratelimit or off"} {
		_, err := core.ParseHeaders(strings.Split(text, ","))
		mistake(t, text, err, "headers", want)
	}
}

func TestHeaders(t *testing.T) {
	both := core.Headers{RateLimit: true, XRateLimit: true}
	ip, key := limit(t, "per-ip", "100/1m"), limit(t, "per-key", "10/1s")
	shadow := limits(t, core.Spec{Name: "shadow", Rate: "1/1m", DryRun: true})[0]
	hits := []core.Hit{
		{Limit: ip, Cost: 1, Result: core.Result{Allowed: true, Remaining: 42, Refill: 16100 * time.Millisecond}},
		{Limit: shadow, Cost: 1},
		{Limit: key, Cost: 1, Result: core.Result{Allowed: true, Remaining: 3, Refill: time.Millisecond}},
	}
	header := http.Header{}
	both.Set(header, hits, core.Decision{Allowed: true, Hit: 0})
	want := http.Header{
		"Ratelimit":             {`"per-ip";r=42;t=17`},
		"Ratelimit-Policy":      {`"per-ip";q=100;w=60, "per-key";q=10;w=1`},
		"X-Ratelimit-Limit":     {"100"},
		"X-Ratelimit-Remaining": {"42"},
		"X-Ratelimit-Reset":     {"17"},
	}
	if len(header) != len(want) {
		t.Errorf("got %v", header)
	}
	for name := range want {
		// Names as net/http writes them, or a lookup would miss them.
		if header.Get(name) != want.Get(name) {
			t.Errorf("%s: %q, want %q", name, header.Get(name), want.Get(name))
		}
	}

	for name, d := range map[string]core.Decision{"no limit": {Allowed: true, Hit: -1}, "unavailable": {Hit: -1, Unavailable: true}} {
		header := http.Header{}
		both.Set(header, nil, d)
		if len(header) != 0 {
			t.Errorf("%s: %v", name, header)
		}
	}
	header = http.Header{}
	core.Headers{}.Set(header, hits, core.Decision{Allowed: true})
	if len(header) != 0 {
		t.Errorf("off: %v", header)
	}
}

// What is sent are structured fields, lists of strings with whole numbers as
// parameters, whatever the limit.
func FuzzHeaders(f *testing.F) {
	f.Add("a", int64(100), int64(60_000), 0, int64(42), int64(17_000))
	f.Add("per-key_1.x@y", int64(core.MaxCount), int64(366*86_400_000), 3, int64(0), int64(-1))
	f.Fuzz(func(t *testing.T, name string, count, window int64, algorithm int, remaining, refill int64) {
		all := core.Algorithms()
		spec := core.Spec{
			Name: name, Algorithm: all[uint(algorithm)%uint(len(all))].String(),
			Rate: strconv.FormatInt(count, 10) + "/" + strconv.FormatInt(window, 10) + "ms",
		}
		made, err := spec.Limits("weir")
		if err != nil {
			return
		}
		l := made[0]
		if remaining < 0 || remaining > l.Capacity() || refill < 0 || refill > int64(2*core.MaxWindow) {
			return
		}
		hits := []core.Hit{
			{Limit: l, Result: core.Result{Remaining: remaining, Refill: time.Duration(refill)}},
			{Limit: limit(t, "other", "1/1s")},
		}
		header := http.Header{}
		core.Headers{RateLimit: true}.Set(header, hits, core.Decision{})
		policies := parse(t, header["Ratelimit-Policy"])
		if len(policies) != 2 || policies[0].Value != name || policies[1].Value != "other" {
			t.Fatalf("%v is not the policies of %s and other", header, name)
		}
		if q := number(t, policies[0], "q"); l.Algorithm != core.TokenBucket && q != count {
			t.Errorf("%s: quota %d", l, q)
		}
		if w := number(t, policies[0], "w"); w < 1 || l.Algorithm != core.TokenBucket && w != (window+999)/1000 {
			t.Errorf("%s: window %d", l, w)
		}
		state := parse(t, header["Ratelimit"])
		if len(state) != 1 || state[0].Value != name || number(t, state[0], "r") != remaining {
			t.Fatalf("%v is not the state of %s", header, name)
		}
		if _, ok := state[0].Params.Get("t"); ok != (refill > 0) {
			t.Errorf("refill in %d: %v", refill, header)
		} else if ok && time.Duration(number(t, state[0], "t"))*time.Second < time.Duration(refill) {
			t.Errorf("refill in %d: %v is too early", refill, header)
		}
	})
}

func parse(t *testing.T, lines []string) []httpsfv.Item {
	t.Helper()
	list, err := httpsfv.UnmarshalList(lines)
	if err != nil {
		t.Fatalf("%q: %v", lines, err)
	}
	var items []httpsfv.Item
	for _, member := range list {
		items = append(items, member.(httpsfv.Item))
	}
	return items
}

func number(t *testing.T, item httpsfv.Item, parameter string) int64 {
	t.Helper()
	value, _ := item.Params.Get(parameter)
	n, ok := value.(int64)
	if !ok {
		t.Fatalf("%s is %v", parameter, value)
	}
	return n
}

func denied(t testing.TB, retry time.Duration) ([]core.Hit, core.Decision) {
	hits := []core.Hit{
		{Limit: limit(t, "wide", "100/1m"), Cost: 1, Result: core.Result{Allowed: true, Remaining: 9}},
		{Limit: limit(t, "narrow", "10/1m"), Cost: 1, Result: core.Result{RetryAfter: retry, Refill: retry}},
		{Limit: limits(t, core.Spec{Name: "shadow", Rate: "1/1m", DryRun: true})[0], Cost: 1, Result: core.Result{RetryAfter: retry}},
	}
	return hits, core.Summarize(hits)
}

func TestDenial(t *testing.T) {
	hits, d := denied(t, 12_001*time.Millisecond)
	w := httptest.NewRecorder()
	(&core.Answer{Headers: core.Headers{RateLimit: true}}).Deny(w, hits, d, 0)
	if w.Code != http.StatusTooManyRequests {
		t.Errorf("status %d", w.Code)
	}
	for name, want := range map[string]string{
		"Retry-After": "13", "Cache-Control": "no-store", "Content-Type": "application/problem+json",
		"RateLimit": `"narrow";r=0;t=13`, "RateLimit-Policy": `"wide";q=100;w=60, "narrow";q=10;w=60`,
		"Content-Length": strconv.Itoa(w.Body.Len()),
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var problem struct {
		Type, Title, Detail string
		Status              int
		Violated            []string `json:"violated-policies"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
		t.Fatal(err)
	}
	if problem.Type != "https://iana.org/assignments/http-problem-types#quota-exceeded" || problem.Title != "Too Many Requests" ||
		problem.Status != 429 || problem.Detail != "Too many requests. Try again in 13 seconds." ||
		len(problem.Violated) != 1 || problem.Violated[0] != "narrow" {
		t.Errorf("got %+v", problem)
	}
}

func TestDenialForGood(t *testing.T) {
	hits := []core.Hit{{Limit: limit(t, "a", "100/1m"), Cost: 1}, {Limit: limit(t, "b", "10/1m"), Cost: 11}}
	l := core.Limiter{Store: failing{}}
	d := l.Decide(time.Now(), hits)
	if d.Allowed || d.RetryAfter != core.Never || d.Hit != 1 || d.Degraded {
		t.Fatalf("got %+v", d)
	}
	w := httptest.NewRecorder()
	(&core.Answer{}).Deny(w, hits, d, 0)
	if _, ok := w.Header()["Retry-After"]; ok || w.Code != 429 {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
	if body := w.Body.String(); !strings.Contains(body, `"violated-policies":["b"]`) || !strings.Contains(body, "more than the limit ever allows") {
		t.Errorf("got %s", body)
	}
}

func TestUnavailable(t *testing.T) {
	w := httptest.NewRecorder()
	hits := []core.Hit{{Limit: limit(t, "a", "100/1m"), Cost: 1}}
	d := core.Decision{Hit: -1, Unavailable: true, Degraded: true}
	(&core.Answer{Headers: core.Headers{RateLimit: true}, Status: 418, Body: "no"}).Deny(w, hits, d, 0)
	body := w.Body.String()
	if w.Code != 503 || w.Header().Get("Retry-After") != "1" || w.Header().Get("RateLimit") != "" ||
		!strings.Contains(body, "#temporary-reduced-capacity") || strings.Contains(body, "violated") {
		t.Errorf("%d, %v: %s", w.Code, w.Header(), body)
	}
}

func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		retry  time.Duration
		jitter float64
		random float64
		want   string
	}{
		{time.Microsecond, 0, 0, "1"},
		{time.Second, 0, 1, "1"},
		{time.Second + 1, 0, 0, "2"},
		{59*time.Second + 999*time.Millisecond, 0, 0, "60"},
		{10 * time.Second, 0.5, 0, "10"},
		{10 * time.Second, 0.5, 1, "15"},
		{10 * time.Second, 0.5, 0.5, "13"},
		{core.MaxWindow, 1, 1, "63244800"},
	} {
		hits, d := denied(t, test.retry)
		header := http.Header{}
		(&core.Answer{Jitter: test.jitter}).SetHeaders(header, hits, d, test.random)
		if got := header.Get("Retry-After"); got != test.want {
			t.Errorf("%v, jitter %v × %v: %s, want %s", test.retry, test.jitter, test.random, got, test.want)
		}
	}
	header := http.Header{}
	(&core.Answer{}).SetHeaders(header, nil, core.Decision{Allowed: true, Hit: -1}, 0)
	if len(header) != 0 {
		t.Errorf("allowed: %v", header)
	}
}

func TestOwnBody(t *testing.T) {
	hits, d := denied(t, time.Second)
	for _, test := range []struct {
		answer core.Answer
		kind   string
		status int
	}{
		{core.Answer{Body: "slow down", Status: 420}, "text/plain; charset=utf-8", 420},
		{core.Answer{Body: "<b>slow down</b>", ContentType: "text/html"}, "text/html", 429},
	} {
		w := httptest.NewRecorder()
		test.answer.Deny(w, hits, d, 0)
		if w.Code != test.status || w.Header().Get("Content-Type") != test.kind || w.Body.String() != test.answer.Body {
			t.Errorf("%d, %v: %s", w.Code, w.Header(), w.Body)
		}
		if err := test.answer.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestAnswerMistakes(t *testing.T) {
	nan := 0.0
	nan /= nan
	for option, answers := range map[string][]core.Answer{
		"response.status":       {{Status: 200}, {Status: 399}, {Status: 600}, {Status: -1}},
		"response.content_type": {{ContentType: "text/html"}},
		"jitter":                {{Jitter: -0.1}, {Jitter: 1.1}, {Jitter: nan}},
	} {
		for _, a := range answers {
			mistake(t, option, a.Check(), option, "")
		}
	}
	if err := (&core.Answer{Status: 503, Jitter: 1}).Check(); err != nil {
		t.Error(err)
	}
}

func TestTwoLimitersInARow(t *testing.T) {
	header := http.Header{}
	h := core.Headers{RateLimit: true, XRateLimit: true}
	for _, x := range []struct {
		name      string
		remaining int64
	}{{"outer", 4}, {"inner", 7}, {"last", 2}} {
		hits := []core.Hit{{Limit: one(t, x.name, "10/1m", ""), Result: core.Result{Allowed: true, Remaining: x.remaining, Refill: time.Second}}}
		h.Set(header, hits, core.Summarize(hits))
	}
	for name, want := range map[string]string{
		"RateLimit":             `"outer";r=4;t=1, "inner";r=7;t=1, "last";r=2;t=1`,
		"RateLimit-Policy":      `"outer";q=10;w=60, "inner";q=10;w=60, "last";q=10;w=60`,
		"X-RateLimit-Remaining": "2",
	} {
		if got := strings.Join(header.Values(name), ", "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
