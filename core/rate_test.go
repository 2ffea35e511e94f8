package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

const day = 24 * time.Hour

func TestParseRates(t *testing.T) {
	tests := map[string][]core.Rate{
		"100/1m":                   {{100, time.Minute}},
		"10/s":                     {{10, time.Second}},
		"5/2s":                     {{5, 2 * time.Second}},
		"100/minute":               {{100, time.Minute}},
		"100 per 15 minutes":       {{100, 15 * time.Minute}},
		" 100 / 15 minutes ":       {{100, 15 * time.Minute}},
		"1 PER 3 Hour":             {{1, 3 * time.Hour}},
		"7/1h30m":                  {{7, 90 * time.Minute}},
		"7/250ms":                  {{7, 250 * time.Millisecond}},
		"0/1m":                     {{0, time.Minute}},
		"3/d":                      {{3, day}},
		"3/w":                      {{3, 7 * day}},
		"3/month":                  {{3, 30 * day}},
		"3/year":                   {{3, 365 * day}},
		"1000000000/366d":          {{core.MaxCount, core.MaxWindow}},
		"1/1ms":                    {{1, core.MinWindow}},
		"unlimited":                {{}},
		"Unlimited":                {{}},
		"1000/h, 20/s":             {{1000, time.Hour}, {20, time.Second}},
		"5/2 seconds;10 per 1 day": {{5, 2 * time.Second}, {10, day}},
		"1/s,":                     {{1, time.Second}},
	}
	for text, want := range tests {
		got, err := core.ParseRates(text)
		if err != nil || len(got) != len(want) {
			t.Errorf("%q: %v, %v", text, got, err)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q: %v, want %v", text, got[i], want[i])
			}
		}
	}
}

func TestParseRatesMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "several are joined with a comma",
		" ; , ":                   "several are joined with a comma",
		"100":                     "100/1m, 10/s",
		"100/":                    "a window such as",
		"/1m":                     "a whole number",
		"1.5/1m":                  "a whole number",
		"+5/1m":                   "a whole number",
		"ten/1m":                  "a whole number",
		"-1/1m":                   "a count from 0 to 1000000000",
		"1000000001/1m":           "a count from 0 to 1000000000",
		"99999999999999999999/m":  "a whole number",
		"1/0s":                    "a window from 1ms to 366d",
		"1/367d":                  "a window from 1ms to 366d",
		"1/2 years":               "a window from 1ms to 366d",
		"1/99999999999999999y":    "a window such as",
		"1/9223372036854775807ms": "a window such as",
		"1/1us":                   "a window such as",
		"1/1m/2":                  "a window such as",
		"1/-1m":                   "a window such as",
		"1/1m h":                  "a window such as",
		"1/1.5h":                  "a window such as",
		"1/s,5":                   "100/1m, 10/s",
	} {
		_, err := core.ParseRates(text)
		mistake(t, text, err, "rate", want)
	}
}

// mistake expects an OptionError for the option, whose advice has these words.
func mistake(t *testing.T, what string, err error, option, want string) {
	t.Helper()
	e, ok := err.(*core.OptionError)
	if !ok {
		t.Errorf("%s: got %v", what, err)
		return
	}
	if e.Option != option || !strings.Contains(e.Want, want) {
		t.Errorf("%s: got %q, want option %s and %q", what, err, option, want)
	}
}

func TestRateString(t *testing.T) {
	for _, text := range []string{"100/1m", "10/1s", "7/90m", "3/30d", "1/250ms", "3/7d", "unlimited"} {
		rates, err := core.ParseRates(text)
		if err != nil || rates[0].String() != text {
			t.Errorf("%q is written %v, %v", text, rates, err)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"250ms": 250 * time.Millisecond, "1.5s": 1500 * time.Millisecond, "0": 0, "0s": 0,
		"2 minutes": 2 * time.Minute, "1d": day, "minute": time.Minute, " 10M ": 10 * time.Minute, "1h30m": 90 * time.Minute,
	} {
		got, err := core.ParseDuration("timeout", text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"": "a duration such as", "fast": "a duration such as", "5": "a duration such as",
		"-1s": "not negative", "9999999999h": "a duration such as", "1 fortnight": "a duration such as",
	} {
		_, err := core.ParseDuration("redis.timeout", text)
		mistake(t, text, err, "redis.timeout", want)
	}
}

func FuzzParseRates(f *testing.F) {
	for _, seed := range []string{"100/1m", "5/2 seconds;10/hour", "1 per 3 hour", "unlimited", "9223372036854775807/292y", "1/1h1h1h", "٣/1m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rates, err := core.ParseRates(s)
		if err != nil {
			if e, ok := err.(*core.OptionError); !ok || e.Option != "rate" || e.Want == "" || !strings.Contains(s, e.Value) {
				t.Errorf("%q: %#v", s, err)
			}
			return
		}
		for _, r := range rates {
			if r.Count < 0 || r.Count > core.MaxCount || !r.Unlimited() && (r.Window < core.MinWindow || r.Window > core.MaxWindow) {
				t.Errorf("%q: %v is out of bounds", s, r)
			}
			again, err := core.ParseRates(r.String())
			if err != nil || len(again) != 1 || again[0] != r {
				t.Errorf("%q: %v is read again as %v, %v", s, r, again, err)
			}
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"1d", "2562047h47m16.854775807s", "-1s", "1h 1m", "106751 d", "1e9s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := core.ParseDuration("x", s)
		if err == nil && d < 0 {
			t.Errorf("%q: %v", s, d)
		}
	})
}
