package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/weirproxy/weir/core/redistest"
	"github.com/weirproxy/weir/demo/site"
)

const (
	once  = "button[data-calls='1']"
	burst = "button[data-calls='6']"
)

func TestPage(t *testing.T) {
	redis := redistest.Start(t)
	d, err := start(t.Context(), options{redis: redis.URL()})
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			d.close()
		}
	}()
	b := openBrowser(t)

	// Each page sends some calls through its own proxy and some through the other.
	for _, page := range []struct{ url, own, other, algorithm string }{
		{d.traefikURL, "traefik", "caddy", "sliding-window"},
		{d.caddyURL, "caddy", "traefik", "fixed-window"},
	} {
		b.open(page.url)
		b.choose(page.algorithm)
		for i, call := range []struct{ proxy, status, left string }{
			{page.own, "200", "2"}, {page.own, "200", "1"}, {page.other, "200", "0"}, {page.own, "429", "0"}, {page.other, "429", "0"},
		} {
			b.through(call.proxy)
			if got := b.call(); got.Status != call.status || got.Proxy != call.proxy {
				t.Fatalf("%s, call %d: got %+v, want %s through %s", page.own, i+1, got, call.status, call.proxy)
			}
			if left := b.text("left"); left != call.left {
				t.Errorf("%s, call %d: the gauge says %s, want %s", page.own, i+1, left, call.left)
			}
		}
		if limit, want := b.text("limit"), "demo-"+page.algorithm+": 3 in 10 seconds"; limit != want {
			t.Errorf("the limit: got %q, want %q", limit, want)
		}
		if status := b.text("status"); !strings.Contains(status, "1 denied. The next call is allowed in ") {
			t.Errorf("a denial is told as %q", status)
		}
		b.until(`/^\d+ s$/.test(countdown.textContent)`)
		b.until(`countdown.textContent === 'now'`)
		if got := b.call(); got.Status != "200" {
			t.Errorf("%s, after the countdown: got %+v, want 200", page.own, got)
		}
	}

	redis.Stop()
	b.choose("token-bucket")
	for _, proxy := range []string{"traefik", "caddy"} {
		b.through(proxy)
		if got := b.call(); got.Status != "200" || got.Proxy != proxy {
			t.Errorf("without Redis, through %s: got %+v, want 200: limits go on in memory", proxy, got)
		}
	}

	d.close()
	closed = true
	got := b.call()
	if want := "Caddy does not answer"; got.Status != "none" || !strings.Contains(got.Text, want) || !strings.Contains(b.text("problem"), want) {
		t.Errorf("without a proxy: got %+v, %q, want %q", got, b.text("problem"), want)
	}
}

// TestPageFailures: the page says what happened, whatever happens.
func TestPageFailures(t *testing.T) {
	var status atomic.Int64
	var body atomic.Value
	body.Store("")
	var url string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			r.Header.Set(site.ProxyHeader, "caddy")
			site.Handler(site.Proxy{Name: "caddy", URL: url}).ServeHTTP(w, r)
			return
		}
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte(body.Load().(string)))
	}))
	defer server.Close()
	url = server.URL

	b := openBrowser(t)
	b.open(url)
	for _, test := range []struct {
		status     int64
		body, want string
	}{
		{502, "", "the API behind it is not"},
		{504, "<h1>Gateway Timeout</h1>", "the API behind it is not"},
		{503, `{"type":"https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"}`, "cannot reach its Redis"},
		{500, "oops", "answered 500"},
		{404, `null`, "answered 404"},
	} {
		status.Store(test.status)
		body.Store(test.body)
		if got := b.call(); !strings.Contains(got.Text, test.want) || !strings.Contains(b.text("problem"), test.want) {
			t.Errorf("%d: got %+v and %q, want %q", test.status, got, b.text("problem"), test.want)
		}
	}
	status.Store(200)
	body.Store("{}")
	b.call()
	if problem := b.text("problem"); problem != "" {
		t.Errorf("after a good answer the page still says %q", problem)
	}
	status.Store(429)
	if got := b.call(); got.Status != "429" || !strings.Contains(got.Text, "Too many requests") {
		t.Errorf("a 429 without anything: got %+v", got)
	}
}

// TestKeyboard: all of the page can be used without a mouse, and says by its
// roles what a screen reader has to know.
func TestKeyboard(t *testing.T) {
	d, err := start(t.Context(), options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	b := openBrowser(t)
	b.open(d.traefikURL)
	press := func(selector, key string) {
		t.Helper()
		b.do(chromedp.Focus(chromedp.CSS(selector)), chromedp.KeyEvent(key))
	}
	press("input[name=proxy]:checked", kb.ArrowRight)
	press("#lanes input[value=token-bucket]", " ")
	press("#lanes input[value=sliding-window]", " ")
	press(once, kb.Enter)
	b.until(`document.querySelectorAll('#answers li').length === 1`)
	if got := b.answers()[0]; got.Status != "200" || got.Proxy != "caddy" || !strings.Contains(got.Text, "token-bucket") {
		t.Errorf("got %+v, want 200 for token-bucket through caddy", got)
	}
	press("#answers summary", kb.Enter)
	b.until(`document.querySelector('#answers details').open`)
	b.until(`/ratelimit: "demo-token-bucket";r=2/.test(document.querySelector('#answers pre').textContent)`)
	b.until(`document.querySelectorAll('svg.lane')[3].getAttribute('aria-label') === 'token-bucket, last minute: 1 allowed'`)
	b.until(`document.querySelector('[role=status]').textContent.startsWith('Through Caddy: 1 allowed.')`)
}

// scene is what the pictures show: a burst, a client that keeps calling through
// both proxies, and more bursts.
var scene = []struct {
	after         time.Duration
	proxy, button string
}{
	{0, "traefik", burst},
	{12 * time.Second, "caddy", once},
	{2 * time.Second, "caddy", once},
	{3 * time.Second, "traefik", once},
	{3 * time.Second, "traefik", once},
	{2 * time.Second, "caddy", burst},
	{14 * time.Second, "traefik", once},
	{2 * time.Second, "caddy", once},
	{4 * time.Second, "caddy", burst},
}

// TestWidths: nothing sticks out of the page, on a desk and on a phone, light
// and dark. With WEIR_SCREENSHOTS=1 it plays the whole scene and takes the
// pictures that are in docs.
func TestWidths(t *testing.T) {
	pictures := os.Getenv("WEIR_SCREENSHOTS") == "1"
	d, err := start(t.Context(), options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	b := openBrowser(t)
	b.open(d.traefikURL)
	// The gauge shows the one that was ticked last.
	b.choose("sliding-log", "fixed-window", "token-bucket", "leaky-bucket")
	b.choose("sliding-window", "sliding-log", "fixed-window", "token-bucket", "leaky-bucket")
	for i, act := range scene {
		if i > 0 && !pictures {
			break
		}
		time.Sleep(act.after)
		b.through(act.proxy)
		b.do(chromedp.Click(chromedp.CSS(act.button)))
	}
	b.until(`/^\d+ s$/.test(countdown.textContent)`)
	evaluate[chromedp.Void](b, `document.head.insertAdjacentHTML('beforeend', '<style>#answers li:nth-child(n+7) { display: none }</style>')`)

	for _, picture := range []struct {
		name, scheme string
		width        int64
	}{
		{"desktop-light", "light", 1120}, {"desktop-dark", "dark", 1120}, {"phone-light", "light", 390}, {"phone-dark", "dark", 390},
	} {
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: picture.scheme}},
		}); err != nil {
			t.Fatal(err)
		}
		b.do(
			chromedp.EmulateViewport(picture.width, 900),
			chromedp.Sleep(500*time.Millisecond), // the page redraws five times a second
		)
		if width := evaluate[int64](b, "document.documentElement.scrollWidth"); width > picture.width {
			t.Errorf("%s: the page is %d wide", picture.name, width)
		}
		if !pictures {
			continue
		}
		png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../docs/page-"+picture.name+".png", png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
