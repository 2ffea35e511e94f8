package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// browser is a page in a headless Chromium of its own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// openBrowser starts Chromium, which ends with the test. What the page throws
// or writes to the console as an error fails the test.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(2*time.Minute),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.WindowSize(1280, 900),
	)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx)
	b := &browser{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for message, err := range messages {
			if err != nil {
				return
			}
			if mistake(message) {
				t.Errorf("the page's console: %s", message)
			}
		}
	}()
	t.Cleanup(func() {
		// Waits for Chromium to be gone, and with it its directory's files.
		if err := chromedp.Cancel(ctx); err != nil {
			t.Log(err)
		}
		<-read
	})
	return b
}

// mistake: that an answer was a 429 is none, though the browser writes a line
// of its own about each.
func mistake(m chromedp.ConsoleMessage) bool {
	switch m.Type {
	case chromedp.ConsoleError, chromedp.ConsoleWarning, chromedp.ConsoleException:
		return m.Source != string(log.EntrySourceNetwork)
	}
	return false
}

func chromium(t *testing.T) string {
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if name := os.Getenv("WEIR_CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	absent := fmt.Sprintf("no %s: apt-get install chromium, or name one in WEIR_CHROMIUM", strings.Join(names, ", "))
	if os.Getenv("WEIR_NO_SKIP") == "1" {
		t.Fatal(absent)
	}
	t.Skip(absent)
	return ""
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// evaluate returns what an expression in JavaScript comes out as.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url), chromedp.WaitEnabled(chromedp.CSS(once)))
}

// answer is one line of the page's list.
type answer struct {
	Status string `json:"status"`
	Proxy  string `json:"proxy"`
	Text   string `json:"text"`
}

// answers are the page's lines, the newest first.
func (b *browser) answers() []answer {
	b.t.Helper()
	return evaluate[[]answer](b, `[...document.querySelectorAll('#answers li')].map(
		(li) => ({status: li.dataset.status, proxy: li.dataset.proxy, text: li.innerText}))`)
}

// call presses "Call once" and returns the answer that appears.
func (b *browser) call() answer {
	b.t.Helper()
	before := len(b.answers())
	b.do(chromedp.Click(chromedp.CSS(once)))
	b.until(fmt.Sprintf("document.querySelectorAll('#answers li').length > %d", before))
	return b.answers()[0]
}

// through chooses the proxy.
func (b *browser) through(proxy string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(fmt.Sprintf("input[name=proxy][value=%s] + span", proxy))))
}

// choose ticks exactly these algorithms.
func (b *browser) choose(algorithms ...string) {
	b.t.Helper()
	evaluate[chromedp.Void](b, fmt.Sprintf(`{
		const wanted = %q.split(' ');
		const boxes = [...document.querySelectorAll('#lanes input')];
		// One has to be ticked at any time: first those that are wanted.
		for (const box of boxes) if (wanted.includes(box.value) && !box.checked) box.click();
		for (const box of boxes) if (!wanted.includes(box.value) && box.checked) box.click();
	}`, strings.Join(algorithms, " ")))
}

func (b *browser) text(id string) string {
	b.t.Helper()
	return evaluate[string](b, fmt.Sprintf("document.getElementById(%q).textContent", id))
}

// until waits for a condition in JavaScript.
func (b *browser) until(condition string) {
	b.t.Helper()
	err := chromedp.Do(b.ctx, chromedp.Poll[chromedp.Void](condition,
		chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(time.Minute)))
	if errors.Is(err, chromedp.ErrPollingTimeout) {
		b.t.Fatalf("in a minute this did not come true: %s\nthe page says %q, %q, %v", condition, b.text("status"), b.text("problem"), b.answers())
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
