package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

func number64(n int64) *int64             { return &n }
func wait(d time.Duration) *time.Duration { return &d }

func TestSpecMistakes(t *testing.T) {
	tests := map[string]struct {
		spec                  core.Spec
		option, value, wanted string
	}{
		"no name":             {core.Spec{Rate: "1/s"}, "name", "", "1 to 128 letters"},
		"name with a brace":   {core.Spec{Name: "a{b}", Rate: "1/s"}, "name", "a{b}", "1 to 128 letters"},
		"name with a colon":   {core.Spec{Name: "a:b", Rate: "1/s"}, "name", "a:b", "1 to 128 letters"},
		"name with an umlaut": {core.Spec{Name: "größe", Rate: "1/s"}, "name", "größe", "1 to 128 letters"},
		"long name":           {core.Spec{Name: strings.Repeat("n", 129), Rate: "1/s"}, "name", strings.Repeat("n", 129), "1 to 128 letters"},
		"no rate":             {core.Spec{Name: "a"}, "rate", "", "100/1m"},
		"algorithm":           {core.Spec{Name: "a", Rate: "1/s", Algorithm: "token_bucket"}, "algorithm", "token_bucket", "token-bucket"},
		"unknown algorithm":   {core.Spec{Name: "a", Rate: "1/s", Algorithm: "magic"}, "algorithm", "magic", "one of sliding-window, sliding-log"},
		"one window twice":    {core.Spec{Name: "a", Rate: "1/1m, 2/60s"}, "rate", "1/1m, 2/60s", "one rate for each window"},
		"unlimited and more":  {core.Spec{Name: "a", Rate: "1/1m, unlimited"}, "rate", "1/1m, unlimited", "unlimited alone"},
		"long log":            {core.Spec{Name: "a", Rate: "10001/1m", Algorithm: "sliding-log"}, "rate", "10001/1m", "at most 10000 for a sliding-log"},
		"burst of a window":   {core.Spec{Name: "a", Rate: "1/s", Burst: number64(3)}, "burst", "3", "no burst with sliding-window"},
		"wait of a window":    {core.Spec{Name: "a", Rate: "1/s", Algorithm: "fixed-window", MaxWait: wait(time.Second)}, "max_wait", "1s", "no wait with fixed-window"},
		"empty bucket":        {core.Spec{Name: "a", Rate: "1/s", Algorithm: "token-bucket", Burst: number64(0)}, "burst", "0", "from 1 to 1000000000"},
		"negative queue":      {core.Spec{Name: "a", Rate: "1/s", Algorithm: "leaky-bucket", Burst: number64(-1)}, "burst", "-1", "from 0 to 1000000000"},
		"huge bucket":         {core.Spec{Name: "a", Rate: "1/1ms", Algorithm: "token-bucket", Burst: number64(core.MaxCount + 1)}, "burst", "1000000001", "from 1 to 1000000000"},
		"burst for years":     {core.Spec{Name: "a", Rate: "1/1h", Algorithm: "token-bucket", Burst: number64(1e6)}, "burst", "1000000", "refills within 366d"},
		"negative wait":       {core.Spec{Name: "a", Rate: "1/s", Algorithm: "token-bucket", MaxWait: wait(-1)}, "max_wait", "-1ns", "from 0 to 366d"},
		"wait for years":      {core.Spec{Name: "a", Rate: "1/s", Algorithm: "token-bucket", MaxWait: wait(core.MaxWindow + 1)}, "max_wait", "8784h0m0.000000001s", "from 0 to 366d"},
		"cost above it all":   {core.Spec{Name: "a", Rate: "10/1m", Cost: 11}, "cost", "11", "at most 10"},
		"cost above a rate":   {core.Spec{Name: "a", Rate: "1000/1h, 10/1m", Cost: 11}, "cost", "11", "all that 10/1m can let pass"},
		"cost above a burst":  {core.Spec{Name: "a", Rate: "10/1m", Algorithm: "token-bucket", Burst: number64(2), Cost: 3}, "cost", "3", "at most 2"},
		"negative cost":       {core.Spec{Name: "a", Rate: "1/s", Cost: -1}, "cost", "-1", "from 1 to 1000000000"},
	}
	for name, test := range tests {
		_, err := test.spec.Limits("weir")
		mistake(t, name, err, test.option, test.wanted)
		if e, ok := err.(*core.OptionError); ok && e.Value != test.value {
			t.Errorf("%s: value %q, want %q", name, e.Value, test.value)
		}
	}
}

func TestSpecLimits(t *testing.T) {
	for rate, want := range map[string]string{
		"unlimited":   "",
		"10/1m":       "api",
		"1000/h,20/s": "api-1h api-1s",
	} {
		made := limits(t, core.Spec{Name: "api", Rate: rate})
		var names []string
		for _, l := range made {
			names = append(names, l.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q", rate, got)
		}
	}
	for _, test := range []struct {
		spec     core.Spec
		capacity int64
		wait     time.Duration
	}{
		{core.Spec{Rate: "10/1m"}, 10, 0},
		{core.Spec{Rate: "10/1m", Cost: 10}, 10, 0},
		{core.Spec{Rate: "0/1m", Cost: 1}, 0, 0},
		{core.Spec{Rate: "0/1m", Cost: 1, Algorithm: "token-bucket"}, 0, 0},
		{core.Spec{Rate: "10/1m", Algorithm: "token-bucket"}, 10, 0},
		{core.Spec{Rate: "10/1m", Algorithm: "token-bucket", Burst: number64(3), MaxWait: wait(12 * time.Second)}, 5, 12 * time.Second},
		{core.Spec{Rate: "10/1m", Algorithm: "leaky-bucket"}, 11, time.Minute},
		{core.Spec{Rate: "10/1m", Algorithm: "leaky-bucket", Burst: number64(0)}, 1, 0},
		{core.Spec{Rate: "10/1m", Algorithm: "leaky-bucket", MaxWait: wait(12 * time.Second)}, 3, 12 * time.Second},
		{core.Spec{Rate: "10/1m", Algorithm: "leaky-bucket", MaxWait: wait(time.Hour)}, 11, time.Minute},
		{core.Spec{Rate: "1000000000/1ms", Algorithm: "leaky-bucket", Burst: number64(7)}, 8, 0},
	} {
		test.spec.Name = "a"
		if l := limits(t, test.spec)[0]; l.Capacity() != test.capacity || l.MaxWait != test.wait {
			t.Errorf("%+v: capacity %d, wait %v", test.spec, l.Capacity(), l.MaxWait)
		}
	}
}

func TestLimitString(t *testing.T) {
	for want, spec := range map[string]core.Spec{
		"limit api: 100 in any 1m (sliding-window)":                                                    {Rate: "100/1m"},
		"limit api: 100 in any 90s (sliding-log); dry run, never denies":                               {Rate: "100/90s", Algorithm: "sliding-log", DryRun: true},
		"limit api: 100 in each 1h from a client's first request (fixed-window)":                       {Rate: "100/1h", Algorithm: "fixed-window"},
		"limit api: 20 at once, then one every 600ms (100/1m, token-bucket of 20)":                     {Rate: "100/1m", Algorithm: "token-bucket", Burst: number64(20)},
		"limit api: 20 at once, then one every 600ms (100/1m, token-bucket of 20), held back up to 2s": {Rate: "100/1m", Algorithm: "token-bucket", Burst: number64(20), MaxWait: wait(2 * time.Second)},
		"limit api: one every 600ms (100/1m, leaky-bucket), up to 5 wait their turn, at most 3s":       {Rate: "100/1m", Algorithm: "leaky-bucket", Burst: number64(5)},
		"limit api: denies everything":                                                                 {Rate: "0/1m", Algorithm: "leaky-bucket"},
	} {
		spec.Name = "api"
		if got := limits(t, spec)[0].String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestKey(t *testing.T) {
	l := limits(t, core.Spec{Name: "api", Rate: "1/s", Algorithm: "token-bucket"})[0]
	if got := core.Key(l, "2001:db8::/64"); got != "weir:{api:2001:db8::/64}:tb" {
		t.Errorf("got %s", got)
	}
	seen := map[string]core.Algorithm{}
	for _, a := range core.Algorithms() {
		if other, ok := seen[a.Tag()]; ok {
			t.Errorf("%s and %s share a tag", a, other)
		}
		seen[a.Tag()] = a
		if again, err := core.ParseAlgorithm(strings.ToUpper(a.String())); err != nil || again != a {
			t.Errorf("%s: %v, %v", a, again, err)
		}
	}
}

func TestCheckNames(t *testing.T) {
	same := []*core.Limit{limit(t, "a", "1/s"), limit(t, "b", "1/s"), limit(t, "a", "2/s")}
	mistake(t, "two limits of one name", core.CheckNames(same), "name", "a name of its own")
	if err := core.CheckNames(same[:2]); err != nil {
		t.Error(err)
	}
	for _, prefix := range []string{"", "a{b", "a b", strings.Repeat("p", 129)} {
		mistake(t, prefix, core.CheckPrefix(prefix), "prefix", "1 to 128 letters")
	}
	if err := core.CheckPrefix("shop:eu_1.weir"); err != nil {
		t.Error(err)
	}
}

func TestOptionErrors(t *testing.T) {
	known := []string{"rate", "burst", "algorithm", "max_wait", "dry_run"}
	for name, want := range map[string]string{
		"rat": "rate", "Burts": "burst", "max-wait": "max_wait", "maxWait": "max_wait", "dryrun": "dry_run",
		"bucket_size": "", "": "", "x": "", "algo": "",
	} {
		if got := core.Nearest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if err := core.UnknownOption("limits[2].", "burts", known); err.Error() != `limits[2].unknown option: "burts": want burst` {
		t.Errorf("got %v", err)
	}
	if err := core.UnknownOption("", "bucket_size", known); !strings.Contains(err.Error(), "want one of rate, burst") {
		t.Errorf("got %v", err)
	}
	for option, want := range map[string]string{"max_wait": "maxWait", "rate": "rate", "insecure_skip_verify": "insecureSkipVerify", "_x_": "X", "": ""} {
		if got := core.CamelCase(option); got != want {
			t.Errorf("%s: %s, want %s", option, got, want)
		}
	}
}

func FuzzNearest(f *testing.F) {
	f.Add("burts")
	f.Add("größe")
	f.Fuzz(func(t *testing.T, s string) {
		known := []string{"rate", "burst", "max_wait"}
		if got := core.Nearest(s, append(known, s)); got != "" && got != s && !strings.EqualFold(got, s) {
			t.Errorf("%q is known, and nearest is %q", s, got)
		}
		core.CamelCase(s)
	})
}
