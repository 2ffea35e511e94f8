package traefikplugin

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

func TestTraefikLimit(t *testing.T) {
	for name, test := range map[string]struct {
		config                 Config
		rate, key, burst, wait string
	}{
		"defaults":         {Config{Average: "100"}, "100/1000ms", "", "1", "5ms"},
		"burst":            {Config{Average: "100", One: Limit{Burst: "50"}}, "100/1000ms", "", "50", "5ms"},
		"burst 0":          {Config{Average: "100", One: Limit{Burst: "0"}}, "100/1000ms", "", "1", "5ms"},
		"period":           {Config{Average: "6", Period: "1m"}, "6/60000ms", "", "1", "500ms"},
		"period of number": {Config{Average: "6", Period: "60"}, "6/60000ms", "", "1", "500ms"},
		// 3.5 a second are 3 to Traefik's wait.
		"wait in integers": {Config{Average: "7", Period: "2s"}, "7/2000ms", "", "1", "166.666666ms"},
		"average 0":        {Config{Average: "0", One: Limit{Burst: "5"}}, "unlimited", "", "", ""},
		"header":           {Config{Average: "1", SourceCriterion: &SourceCriterion{RequestHeaderName: "X-Id"}}, "1/1000ms", "header:X-Id", "1", "500ms"},
		"host":             {Config{Average: "1", SourceCriterion: &SourceCriterion{RequestHost: "true"}}, "1/1000ms", "host", "1", "500ms"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := onlyLimit(&test.config, "limit@file")
			if err != nil {
				t.Fatal(err)
			}
			if l.Rate[0] != test.rate || l.Key != test.key || l.Burst != test.burst || l.MaxWait != test.wait {
				t.Errorf("got %+v", l)
			}
			if _, err := readRule(&l, core.DefaultPrefix, false); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestForwardedClient(t *testing.T) {
	for name, test := range map[string]struct {
		strategy IPStrategy
		lines    []string
		want     string
	}{
		"depth 1":                {IPStrategy{Depth: "1"}, []string{"1.1.1.1, 2.2.2.2"}, "2.2.2.2"},
		"depth 2":                {IPStrategy{Depth: "2"}, []string{"1.1.1.1, 2.2.2.2"}, "1.1.1.1"},
		"depth over lines":       {IPStrategy{Depth: "2"}, []string{"9.9.9.9", "1.1.1.1", "2.2.2.2"}, "1.1.1.1"},
		"deeper than there are":  {IPStrategy{Depth: "3"}, []string{"1.1.1.1, 2.2.2.2"}, "192.0.2.1"},
		"no header":              {IPStrategy{Depth: "1"}, nil, "192.0.2.1"},
		"no address":             {IPStrategy{Depth: "1"}, []string{"1.1.1.1, unknown"}, "192.0.2.1"},
		"a port":                 {IPStrategy{Depth: "1"}, []string{"[2001:db8::1%eth0]:4711"}, "2001:db8::1"},
		"excluded":               {IPStrategy{ExcludedIPs: []string{"10.0.0.0/8", " 2.2.2.2"}}, []string{"9.9.9.9, 1.1.1.1, 2.2.2.2", "10.1.2.3"}, "1.1.1.1"},
		"excluded skips empties": {IPStrategy{ExcludedIPs: []string{"10.0.0.0/8"}}, []string{"1.1.1.1, , 10.1.2.3,"}, "1.1.1.1"},
		"all excluded":           {IPStrategy{ExcludedIPs: []string{"10.0.0.0/8"}}, []string{"10.0.0.1, 10.1.2.3"}, "192.0.2.1"},
		"mapped and excluded":    {IPStrategy{ExcludedIPs: []string{"10.0.0.0/8"}}, []string{"1.1.1.1, ::ffff:10.1.2.3"}, "1.1.1.1"},
		"depth before excluded":  {IPStrategy{Depth: "1", ExcludedIPs: []string{"2.2.2.2"}}, []string{"1.1.1.1, 2.2.2.2"}, "2.2.2.2"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := readIPStrategy(&Config{SourceCriterion: &SourceCriterion{IPStrategy: &test.strategy}})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.Header["X-Forwarded-For"] = test.lines
			if got := forwardedClient(f, r).String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		timeout string
		redis   Redis
		want    time.Duration
	}{
		"default":     {"", Redis{}, 100 * time.Millisecond},
		"own":         {"50ms", Redis{}, 50 * time.Millisecond},
		"Traefik's":   {"", Redis{ReadTimeout: "2s", WriteTimeout: "1"}, 2 * time.Second},
		"without end": {"", Redis{ReadTimeout: "0"}, 3 * time.Second},
		"negative":    {"", Redis{WriteTimeout: "-1ns"}, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readTimeout(&Config{Timeout: test.timeout, Redis: &test.redis})
			if err != nil || got != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
	if _, err := readTimeout(&Config{Timeout: "1s", Redis: &Redis{ReadTimeout: "1s"}}); err == nil {
		t.Error("two timeouts are taken for one")
	}
}

func TestPoolSize(t *testing.T) {
	for want, r := range map[int]Redis{
		16: {MinIdleConns: "4"}, 4: {PoolSize: "4", MaxActiveConns: "9"}, 3: {PoolSize: "4", MaxActiveConns: "3"}, 2: {MaxActiveConns: "2"},
	} {
		if got, err := readPoolSize(&r); got != want || err != nil {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
}
