package core

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A unit is looked up by any of its names; the first is the one that is written.
var units = []struct {
	length time.Duration
	names  string
}{
	{day, " d day days "},
	{time.Hour, " h hr hour hours "},
	{time.Minute, " m min mins minute minutes "},
	{time.Second, " s sec secs second seconds "},
	{time.Millisecond, " ms millisecond milliseconds "},
	{7 * day, " w week weeks "},
	{month, " month months "},
	{year, " y year years "},
}

func unitLength(name string) (time.Duration, bool) {
	for _, u := range units {
		if strings.Contains(u.names, " "+name+" ") {
			return u.length, true
		}
	}
	return 0, false
}

// FormatWindow writes a window with the largest unit that divides it: 1h, 90s,
// 30d. It names the limits that one list of rates makes.
func FormatWindow(d time.Duration) string {
	for _, u := range units {
		if d >= u.length && d%u.length == 0 {
			return strconv.FormatInt(int64(d/u.length), 10) + strings.Fields(u.names)[0]
		}
	}
	return d.String()
}

// parseWindow reads numbers with units, the first number 1 where it is left
// out: "1m", "minute", "15 minutes", "1h30m".
func parseWindow(s string) (time.Duration, bool) {
	var sum time.Duration
	first := true
	for s != "" {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		n := int64(1)
		if digits > 0 {
			var err error
			if n, err = strconv.ParseInt(s[:digits], 10, 64); err != nil {
				return 0, false
			}
		} else if !first {
			return 0, false
		}
		s = strings.TrimLeft(s[digits:], " ")
		letters := len(s) - len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyz"))
		length, ok := unitLength(s[:letters])
		// Past the largest window there is only one answer, and no overflow.
		if !ok || n > int64(math.MaxInt64/2/length) || sum > 2*MaxWindow {
			return 0, false
		}
		sum += time.Duration(n) * length
		s = strings.TrimLeft(s[letters:], " ")
		first = false
	}
	return sum, !first
}

// ParseDuration reads a duration as Go writes it ("250ms", "1.5s") or with the
// units of a rate ("2 minutes", "1d"). It is not negative. Errors are of type
// *OptionError, for the option given.
func ParseDuration(option, s string) (time.Duration, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	d, err := time.ParseDuration(text)
	if err != nil {
		var ok bool
		if d, ok = parseWindow(text); !ok {
			return 0, &OptionError{option, s, "a duration such as 500ms, 2s or 1m"}
		}
	}
	if d < 0 {
		return 0, &OptionError{option, s, "a duration that is not negative"}
	}
	return d, nil
}
