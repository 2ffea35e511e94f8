package resp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/weirproxy/weir/core/redis"
)

const (
	// maxScriptReply bounds what a script answers, which is a few numbers.
	maxScriptReply = 64 << 10
	// maxStateReply bounds what servers say of themselves: a Cluster of a
	// thousand nodes with scattered slots is not refused.
	maxStateReply = 4 << 20
	// maxNesting is more than anything we ask for has.
	maxNesting = 8
)

// reply is one RESP2 value.
type reply struct {
	kind  byte   // '+', '-', ':', '$' or '*'
	text  string // of all but an array
	null  bool   // of a bulk string or an array
	items []*reply
}

var errTooLarge = errors.New("a reply is larger than any that was asked for")

// readReplies reads n replies, the first bytes of which are in first, and fails
// if anything comes after them: whatever that was, a later command would take
// it for its own reply. The replies read before an error come with it.
func readReplies(r io.Reader, first string, n int, limit int64) ([]*reply, error) {
	limited := &io.LimitedReader{R: io.MultiReader(strings.NewReader(first), r), N: limit}
	b := bufio.NewReader(limited)
	var replies []*reply
	for len(replies) < n {
		one, err := readReply(b, limit, 0)
		if err != nil && limited.N <= 0 {
			err = errTooLarge
		}
		if err != nil {
			return replies, err
		}
		replies = append(replies, one)
	}
	if b.Buffered() > 0 {
		return replies, errors.New("more replies than commands")
	}
	return replies, nil
}

func readReply(b *bufio.Reader, limit int64, depth int) (*reply, error) {
	line, err := readLine(b)
	if err != nil {
		return nil, err
	}
	if line == "" {
		return nil, errors.New("an empty line for a reply")
	}
	v := &reply{kind: line[0], text: line[1:]}
	switch v.kind {
	case '+', '-', ':':
		return v, nil
	case '$', '*':
	default:
		return nil, fmt.Errorf("a reply of unknown kind %q", line[:1])
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil || n < -1 {
		return nil, fmt.Errorf("a reply of length %.20q", v.text)
	}
	v.text = ""
	switch {
	case n < 0:
		v.null = true
		return v, nil
	case n > limit:
		return nil, errTooLarge
	case v.kind == '$':
		v.text, err = readBulk(b, int(n))
		return v, err
	case depth == maxNesting:
		return nil, errors.New("a reply that is nested too deep")
	}
	for i := int64(0); i < n; i++ {
		item, err := readReply(b, limit, depth+1)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
	}
	return v, nil
}

// readBulk reads n bytes, whatever they are, and the line's end after them.
func readBulk(b *bufio.Reader, n int) (string, error) {
	body := make([]byte, n+2)
	if _, err := io.ReadFull(b, body); err != nil {
		return "", err
	}
	if body[n] != '\r' || body[n+1] != '\n' {
		return "", errors.New("a bulk string that is longer than announced")
	}
	return string(body[:n]), nil
}

func readLine(b *bufio.Reader) (string, error) {
	line, err := b.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return "", errors.New("a line that does not end")
	}
	if err != nil {
		return "", err
	}
	n := len(line) - 2
	if n < 0 || line[n] != '\r' {
		return "", errors.New("a line that ends without a carriage return")
	}
	return string(line[:n]), nil
}

// failure is the error that a reply is, nil if it is none.
func (r *reply) failure() error {
	if r.kind == '-' {
		return redis.ServerError(r.text)
	}
	return nil
}

// code is an error's first word, by which errors are told apart.
func code(text string) string {
	if i := strings.IndexByte(text, ' '); i >= 0 {
		return text[:i]
	}
	return text
}
