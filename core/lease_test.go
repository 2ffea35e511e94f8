package core_test

import (
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

func TestParseLease(t *testing.T) {
	for text, want := range map[string]core.Lease{
		"":             {},
		" ":            {},
		"50":           {Units: 50},
		" 50 ":         {Units: 50},
		"50 1s":        {Units: 50, Time: time.Second},
		"1 250ms":      {Units: 1, Time: 250 * time.Millisecond},
		"50 2 seconds": {Units: 50, Time: 2 * time.Second},
	} {
		got, err := core.ParseLease(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if again, err := core.ParseLease(got.String()); err != nil || again != got {
			t.Errorf("%q: written as %q", text, got)
		}
	}
	for text, wanted := range map[string]string{
		"many":       "such as 50 1s",
		"1s":         "such as 50 1s",
		"+5":         "such as 50 1s",
		"5.5":        "such as 50 1s",
		"50 soon":    "such as 50 1s",
		"50, 1s":     "such as 50 1s",
		"0":          "from 1 to 1000000000",
		"-1":         "from 1 to 1000000000",
		"1000000001": "from 1 to 1000000000",
		"50 0s":      "from 1ms to 1m",
		"50 0.5ms":   "from 1ms to 1m",
		"50 61s":     "from 1ms to 1m",
	} {
		_, err := core.ParseLease(text)
		mistake(t, text, err, "lease", wanted)
	}
}

func TestLeaseOfALimit(t *testing.T) {
	for name, test := range map[string]struct {
		spec core.Spec
		want core.Lease
	}{
		"as it says":       {core.Spec{Rate: "100/1m", Lease: core.Lease{Units: 50, Time: 2 * time.Second}}, core.Lease{Units: 50, Time: 2 * time.Second}},
		"a second":         {core.Spec{Rate: "100/1m", Lease: core.Lease{Units: 100}}, core.Lease{Units: 100, Time: time.Second}},
		"a short window":   {core.Spec{Rate: "100/200ms", Lease: core.Lease{Units: 50}}, core.Lease{Units: 50, Time: 200 * time.Millisecond}},
		"nothing to lease": {core.Spec{Rate: "0/1m", Lease: core.Lease{Units: 50}}, core.Lease{}},
		"dry run":          {core.Spec{Rate: "100/1m", DryRun: true, Lease: core.Lease{Units: 1}}, core.Lease{Units: 1, Time: time.Second}},
	} {
		test.spec.Name = "a"
		if got := limits(t, test.spec)[0].Lease; got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, test := range map[string]struct {
		spec   core.Spec
		wanted string
	}{
		"leaky-bucket":    {core.Spec{Rate: "100/1m", Algorithm: "leaky-bucket"}, "no lease with leaky-bucket, which spaces requests"},
		"max_wait":        {core.Spec{Rate: "100/1m", Algorithm: "token-bucket", MaxWait: wait(time.Second)}, "no lease beside max_wait, which spaces requests"},
		"more than all":   {core.Spec{Rate: "49/1m"}, "from 1 to 49, all that 49/1m can let pass"},
		"more than burst": {core.Spec{Rate: "100/1m", Algorithm: "token-bucket", Burst: number64(20)}, "from 1 to 20"},
		"of one rate":     {core.Spec{Rate: "100/1m, 10/1s"}, "from 1 to 10, all that 10/1s can"},
		"negative":        {core.Spec{Rate: "100/1m", Lease: core.Lease{Units: -1}}, "from 1 to 100"},
		"too long":        {core.Spec{Rate: "100/500ms", Lease: core.Lease{Units: 50, Time: time.Second}}, "no longer than 1m and the limit's window, 500ms"},
		"far too long":    {core.Spec{Rate: "100/1h", Lease: core.Lease{Units: 50, Time: time.Hour}}, "no longer than 1m"},
	} {
		test.spec.Name = "a"
		if test.spec.Lease.Units == 0 {
			test.spec.Lease.Units = 50
		}
		_, err := test.spec.Limits("weir")
		mistake(t, name, err, "lease", test.wanted)
	}
}
