package core_test

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/weirproxy/weir/core"
	"github.com/weirproxy/weir/core/memory"
)

// A request becomes hits, a limiter decides them, an answer tells the client.
func Example() {
	spec := core.Spec{Name: "per-client", Rate: "3/1m", Algorithm: "fixed-window"}
	limits, err := spec.Limits(core.DefaultPrefix)
	if err != nil {
		fmt.Println(err)
		return
	}
	store := memory.New(memory.DefaultMaxKeys)
	defer store.Close()
	limiter := core.Limiter{Store: store}
	answer := core.Answer{Headers: core.Headers{RateLimit: true}}

	now := time.Now()
	client := core.AddressIdentity(core.ParseHost("192.0.2.1:4711"), 0, core.DefaultIPv6Prefix)
	for i := 0; i < 4; i++ {
		w := httptest.NewRecorder()
		hits := []core.Hit{{Limit: limits[0], Identity: client, Cost: 1}}
		if d := limiter.Decide(now, hits); d.Allowed {
			answer.SetHeaders(w.Header(), hits, d, 0)
		} else {
			answer.Deny(w, hits, d, 0)
		}
		fmt.Printf("%d %s, retry after %q\n", w.Code, w.Header().Get("RateLimit"), w.Header().Get("Retry-After"))
		now = now.Add(10 * time.Second)
	}
	// Output:
	// 200 "per-client";r=2;t=60, retry after ""
	// 200 "per-client";r=1;t=50, retry after ""
	// 200 "per-client";r=0;t=40, retry after ""
	// 429 "per-client";r=0;t=30, retry after "30"
}

func ExampleParseRates() {
	rates, _ := core.ParseRates("1000/h, 20 per 2 seconds")
	fmt.Println(rates[0], rates[1])
	_, err := core.ParseRates("1000 an hour")
	fmt.Println(err)
	// Output:
	// 1000/1h 20/2s
	// rate: "1000 an hour": want 100/1m, 10/s, 100 per 15 minutes or unlimited; several are joined with a comma
}

func ExampleSpec_Limits() {
	burst := int64(20)
	spec := core.Spec{Name: "api", Rate: "100/1m", Algorithm: "token-bucket", Burst: &burst}
	limits, _ := spec.Limits(core.DefaultPrefix)
	fmt.Println(limits[0])

	spec.Algorithm = "sliding-log"
	_, err := spec.Limits(core.DefaultPrefix)
	fmt.Println(err)
	// Output:
	// limit api: 20 at once, then one every 600ms (100/1m, token-bucket of 20)
	// burst: "20": want no burst with sliding-log, or algorithm token-bucket
}

func ExampleClientAddress() {
	trusted, _ := core.ParseNetworks("trusted_proxies", []string{"10.0.0.0/8"})
	forwarded := []string{"1.1.1.1", "203.0.113.7, 10.0.0.2"}
	fmt.Println(core.ClientAddress("10.0.0.1:5000", forwarded, trusted))
	fmt.Println(core.ClientAddress("198.51.100.9:5000", forwarded, trusted))
	// Output:
	// 203.0.113.7
	// 198.51.100.9
}

func ExampleAddressIdentity() {
	for _, client := range []string{"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2"} {
		fmt.Println(core.AddressIdentity(netip.MustParseAddr(client), 0, core.DefaultIPv6Prefix))
	}
	// Output:
	// 192.0.2.1
	// 192.0.2.1
	// 2001:db8::/64
	// 2001:db8::/64
}

func ExampleNearest() {
	fmt.Println(core.Nearest("algoritm", []string{"rate", "algorithm", "burst"}))
	// Output: algorithm
}

// Several limits are asked in one step, and charged all or none.
func ExampleStore() {
	store := memory.New(memory.DefaultMaxKeys)
	defer store.Close()
	second, _ := core.Spec{Name: "per-second", Rate: "2/1s", Algorithm: "fixed-window"}.Limits(core.DefaultPrefix)
	hour, _ := core.Spec{Name: "per-hour", Rate: "100/1h", Algorithm: "fixed-window"}.Limits(core.DefaultPrefix)
	now := time.Now()
	for i := 0; i < 3; i++ {
		hits := []core.Hit{
			{Limit: second[0], Identity: "192.0.2.1", Cost: 1},
			{Limit: hour[0], Identity: "192.0.2.1", Cost: 1},
		}
		if err := store.Take(now, hits); err != nil {
			fmt.Println(err)
			return
		}
		d := core.Summarize(hits)
		fmt.Println(d.Allowed, d.RetryAfter, hits[0].Result.Remaining, hits[1].Result.Remaining)
	}
	// Output:
	// true 0s 1 99
	// true 0s 0 98
	// false 1s 0 98
}
