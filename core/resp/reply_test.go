package resp

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

// exchangeWith runs exchange against a peer that answers with these pieces, one
// write each.
func exchangeWith(t testing.TB, pieces ...string) (string, int, error) {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		defer far.Close()
		buffer := make([]byte, 1024)
		if _, err := far.Read(buffer); err != nil {
			return
		}
		for _, piece := range pieces {
			if _, err := far.Write([]byte(piece)); err != nil {
				return
			}
		}
	}()
	c := &conn{net: near, raw: near, address: "peer", buffer: make([]byte, bufferSize)}
	return exchange(c, time.Now().Add(long), "command")
}

func TestBulkStringsAreReadByLength(t *testing.T) {
	for _, size := range []int{0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 1015, 1016, 1017, 1018, 1019, 1020, 2040, 2048, 5000, 60000} {
		body := strings.Repeat("\r\n$1\r\n+x", size/7+1)[:size]
		whole := bulk(body)
		for _, cut := range []int{len(whole), 1, 2, 4, len(whole) - 1, len(whole) - 2, len(whole) / 2} {
			if cut <= 0 || cut > len(whole) {
				continue
			}
			got, outcome, err := exchangeWith(t, whole[:cut], whole[cut:])
			if err != nil || outcome != answered || got != body {
				t.Errorf("%d bytes, cut after %d: %d, %v", size, cut, outcome, err)
			}
		}
	}
}

func TestReplies(t *testing.T) {
	tests := map[string]struct {
		reply   string
		want    string
		outcome int
	}{
		"simple string":       {"+OK\r\n", "OK", answered},
		"integer":             {":42\r\n", "42", answered},
		"empty bulk":          {"$0\r\n\r\n", "", answered},
		"error":               {"-OOM command not allowed\r\n", "", refused},
		"null":                {"$-1\r\n", "", lost},
		"array":               {"*1\r\n:1\r\n", "", lost},
		"hangs up":            {"", "", lost},
		"half a bulk":         {"$10\r\nhalf", "", lost},
		"too short":           {"$3\r\nfour\r\n", "", lost},
		"two replies":         {"+OK\r\n+OK\r\n", "", lost},
		"bulk and more":       {"$2\r\nab\r\n$", "", lost},
		"length with sign":    {"$-2\r\n", "", lost},
		"length with letters": {"$2x\r\nab\r\n", "", lost},
		"no carriage return":  {"+OK\n", "", lost},
		"empty line":          {"\r\n", "", lost},
		"bare newline":        {"\n", "", lost},
		"unknown kind":        {"HTTP/1.1 400 Bad Request\r\n", "", lost},
		"huge":                {"$99999999999\r\n", "", lost},
		"past the limit":      {bulk(strings.Repeat("x", maxScriptReply)), "", lost},
		"endless line":        {"+" + strings.Repeat("x", 10000), "", lost},
		"deep":                {strings.Repeat("*1\r\n", 5000), "", lost},
		"many":                {"*1000000000\r\n", "", lost},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, outcome, err := exchangeWith(t, test.reply)
			if got != test.want || outcome != test.outcome || (err == nil) != (outcome == answered) {
				t.Errorf("got %q, %d, %v; want %q, %d", got, outcome, err, test.want, test.outcome)
			}
			if _, ok := err.(redis.ServerError); ok != (outcome == refused) {
				t.Errorf("%T: %v", err, err)
			}
		})
	}
}

func FuzzReadReplies(f *testing.F) {
	for _, seed := range []string{
		"+OK\r\n", "-ERR no\r\n", ":1\r\n", "$2\r\n\r\n\r\n", "$-1\r\n", "*-1\r\n", "*2\r\n:1\r\n*1\r\n$1\r\nx\r\n",
		"*3\r\n", "$5\r\nabc", "$9223372036854775807\r\n", "$-9223372036854775808\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
	} {
		f.Add(seed, 1)
	}
	f.Fuzz(func(t *testing.T, stream string, n int) {
		const limit = 4096
		n = n & 3
		at := len(stream) / 2
		replies, err := readReplies(strings.NewReader(stream[at:]), stream[:at], n, limit)
		slow, slowErr := readReplies(iotest.OneByteReader(strings.NewReader(stream)), "", n, limit)
		if err == nil && len(replies) != n {
			t.Fatalf("%d replies, no error, want %d", len(replies), n)
		}
		// What is left over shows only where it has arrived.
		if err == nil && (slowErr != nil || len(slow) != len(replies)) {
			t.Fatalf("byte by byte: %v", slowErr)
		}
		for i, r := range replies {
			checkReply(t, r, 0)
			if i < len(slow) && (slow[i].kind != r.kind || slow[i].text != r.text) {
				t.Fatalf("byte by byte %+v, at once %+v", slow[i], r)
			}
		}
	})
}

func checkReply(t *testing.T, r *reply, depth int) {
	if depth > maxNesting || len(r.text) > 4096 {
		t.Fatalf("a reply past the limits, %d deep: %+v", depth, r)
	}
	for _, item := range r.items {
		checkReply(t, item, depth+1)
	}
}

// FuzzExchange has the short way and the general one agree.
func FuzzExchange(f *testing.F) {
	for _, seed := range []string{"$3\r\nabc\r\n", "$0\r\n\r\n", "$10\r\n0123456789\r\n", "$3\r\nab\r\n\r\n", "$03\r\nabc\r\n", "-ERR\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stream string) {
		if stream == "" || len(stream) > bufferSize {
			return
		}
		got, outcome, err := exchangeWith(t, stream)
		replies, general := readReplies(strings.NewReader(stream), "", 1, maxScriptReply)
		if outcome == answered && (general != nil || replies[0].text != got) {
			t.Fatalf("%q: exchange %q, readReplies %v", stream, got, general)
		}
		if outcome != answered && general == nil && replies[0].kind == '$' && !replies[0].null {
			t.Fatalf("%q: exchange %v, readReplies %q", stream, err, replies[0].text)
		}
	})
}

func FuzzReadSlots(f *testing.F) {
	f.Add("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\na\r\n:1\r\n")
	f.Add("*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n$-1\r\n:1\r\n")
	f.Fuzz(func(t *testing.T, stream string) {
		replies, err := readReplies(strings.NewReader(stream), "", 1, maxStateReply)
		if err != nil {
			return
		}
		ranges, err := readSlots("asked:1", replies[0])
		for _, r := range ranges {
			if err != nil || r.first < 0 || r.last >= slotCount || r.first > r.last {
				t.Fatalf("%q: %+v, %v", stream, r, err)
			}
		}
	})
}

func TestCommandsFrameTheirArguments(t *testing.T) {
	script := redis.NewScript("return 1")
	for _, n := range []int{0, 1, 9, 10, 99, 100, 1023, 1024, 70000} {
		arg := strings.Repeat("a b\r\n", n/5+1)[:n]
		want := "*6\r\n$7\r\nEVALSHA\r\n$40\r\n" + script.SHA + "\r\n$1\r\n1\r\n$1\r\nk\r\n$" + strconv.Itoa(n) + "\r\n" + arg + "\r\n$0\r\n\r\n"
		if got := evalsha(script, []string{"k"}, []string{arg, ""}); got != want {
			t.Errorf("%d bytes: %.200q", n, got)
		}
	}
	if got, want := eval(script, nil, nil), "*3\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	many := make([]string, 1500)
	if got := evalsha(script, many, many); !strings.HasPrefix(got, "*3003\r\n") || !strings.Contains(got, "\r\n$4\r\n1500\r\n") {
		t.Errorf("3000 arguments: %.100q", got)
	}
}
