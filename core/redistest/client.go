package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// client is as much of a Redis client as assertions need. It shares nothing
// with the clients under test.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

// serverError is an error that the server answered.
type serverError string

func (e serverError) Error() string { return string(e) }

func newClient(conn net.Conn) *client {
	return &client{conn: conn, r: bufio.NewReader(conn)}
}

func (c *client) do(args []string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(c.conn, b.String()); err != nil {
		return "", err
	}
	return c.reply()
}

func (c *client) reply() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, text := line[0], strings.TrimSuffix(line[1:], "\r\n")
	switch kind {
	case '-':
		return "", serverError(text)
	case '$':
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return "", err
		}
		body := make([]byte, n+2)
		if _, err := io.ReadFull(c.r, body); err != nil {
			return "", err
		}
		return string(body[:n]), nil
	case '*':
		n, err := strconv.Atoi(text)
		if err != nil {
			return "", err
		}
		var lines []string
		for i := 0; i < n; i++ {
			element, err := c.reply()
			if err != nil {
				return "", err
			}
			lines = append(lines, element)
		}
		return strings.Join(lines, "\n"), nil
	}
	return text, nil
}
