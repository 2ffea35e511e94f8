package core

import (
	"strconv"
	"strings"
	"time"
)

// Bounds of what a limit can say. Within them no product of the numbers
// involved loses a unit in a 64-bit float, the arithmetic of Redis's Lua.
const (
	// MaxCount is the largest count, burst and cost.
	MaxCount = 1_000_000_000

	// MinWindow is the shortest window.
	MinWindow = time.Millisecond

	// MaxWindow is the longest window: a leap year.
	MaxWindow = 366 * day

	// MaxLogCount is the largest count of a sliding-log, which keeps a time for
	// every unit.
	MaxLogCount = 10_000
)

const (
	day   = 24 * time.Hour
	month = 30 * day
	year  = 365 * day
)

// Rate is how many units may pass in a window: 100/1m is {100, time.Minute}.
type Rate struct {
	// Count is 0 to MaxCount. 0 lets nothing pass.
	Count int64

	// Window is MinWindow to MaxWindow, or 0 where the rate is unlimited.
	Window time.Duration
}

// Unlimited reports whether the rate is no limit at all.
func (r Rate) Unlimited() bool { return r.Window == 0 }

// String writes the rate in the form that ParseRates reads, such as "100/1m".
func (r Rate) String() string {
	if r.Unlimited() {
		return "unlimited"
	}
	return strconv.FormatInt(r.Count, 10) + "/" + FormatWindow(r.Window)
}

const rateForms = "100/1m, 10/s, 100 per 15 minutes or unlimited; several are joined with a comma"

// ParseRates reads one rate or a list of them, joined with "," or ";". Besides
// the short form it reads that of Flask-Limiter: "100 per 15 minutes". Errors
// are of type *OptionError, for the option "rate".
func ParseRates(s string) ([]Rate, error) {
	var rates []Rate
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' }) {
		rate, err := parseRate(part)
		if err != nil {
			return nil, err
		}
		rates = append(rates, rate)
	}
	if len(rates) == 0 {
		return nil, &OptionError{"rate", s, rateForms}
	}
	return rates, nil
}

func parseRate(s string) (Rate, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	if text == "unlimited" {
		return Rate{}, nil
	}
	count, window, found := strings.Cut(text, "/")
	if !found {
		count, window, found = strings.Cut(text, " per ")
	}
	if !found {
		return Rate{}, &OptionError{"rate", s, rateForms}
	}
	count = strings.TrimSpace(count)
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil || strings.HasPrefix(count, "+") {
		return Rate{}, &OptionError{"rate", s, "a whole number before the window, as in 100/1m"}
	}
	if n < 0 || n > MaxCount {
		return Rate{}, &OptionError{"rate", s, "a count from 0 to " + strconv.Itoa(MaxCount)}
	}
	d, ok := parseWindow(strings.TrimSpace(window))
	if !ok {
		return Rate{}, &OptionError{"rate", s, "a window such as 1s, 15m, 1h, day or month after the count, as in 100/1m"}
	}
	if d < MinWindow || d > MaxWindow {
		return Rate{}, &OptionError{"rate", s, "a window from 1ms to 366d"}
	}
	return Rate{n, d}, nil
}
