package resp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// conn is a connection that is ready for commands. One call at a time owns it.
type conn struct {
	net     net.Conn
	raw     net.Conn // beneath TLS, else the same
	secured bool     // with TLS, which no write may interrupt
	address string
	buffer  []byte

	// age is how many of the pool's ticks it has lain idle, or fresh.
	age int
}

// fresh is the age of a connection that no command has succeeded on yet.
const fresh = -1

// How an exchange can end.
const (
	answered  = iota // with a reply
	refused          // with a server's error; the connection is good
	unsent           // the server cannot have run the command; the connection is not good
	lost             // the server may have run the command; the connection is not good
	unreached        // there was no connection
	overdue          // nothing was sent in time; the connection is good
)

// exchange sends a command and reads its reply.
func exchange(c *conn, deadline time.Time, command string) (string, int, error) {
	if err := c.net.SetDeadline(deadline); err != nil {
		return "", unsent, failed(c, err)
	}
	if n, err := c.net.Write([]byte(command)); err != nil {
		return unwritten(c, n < len(command), n == 0, err)
	}
	n, err := c.net.Read(c.buffer)
	if err != nil {
		return "", lost, failed(c, err)
	}
	got := string(c.buffer[:n])
	// What a script answers is a status: a line, and usually in one piece.
	if n > 3 && got[0] == '+' && strings.IndexByte(got, '\n') == n-1 && got[n-2] == '\r' {
		return got[1 : n-2], answered, nil
	}
	return exchangeLong(c, got)
}

// unwritten says what a failed write means: in part, or not at all.
func unwritten(c *conn, partly, nothing bool, err error) (string, int, error) {
	switch {
	case nothing && !c.secured && late(err):
		return "", overdue, failed(c, err)
	case partly:
		// What has not arrived whole is not run.
		return "", unsent, failed(c, err)
	}
	return "", lost, failed(c, err)
}

// exchangeLong reads a reply that is an error, no status or came in pieces, of
// which got has been read.
func exchangeLong(c *conn, got string) (string, int, error) {
	replies, err := readReplies(c.net, got, 1, maxScriptReply)
	if err != nil {
		return "", lost, failed(c, err)
	}
	return scriptReply(c, replies[0])
}

// exchangeAsking is exchange at a server that is about to get the key's slot,
// and wants to be told that we know.
func exchangeAsking(c *conn, deadline time.Time, script string) (string, int, error) {
	replies, err := converse(c, deadline, command("ASKING")+script, 2, maxScriptReply)
	if err != nil {
		return "", lost, err
	}
	if err := replies[0].failure(); err != nil {
		return "", refused, err
	}
	return scriptReply(c, replies[1])
}

func scriptReply(c *conn, r *reply) (string, int, error) {
	if err := r.failure(); err != nil {
		return "", refused, err
	}
	if r.kind == '*' || r.null {
		return "", lost, failed(c, errors.New("a reply that is no string"))
	}
	return r.text, answered, nil
}

// converse sends n commands at once and reads their replies.
func converse(c *conn, deadline time.Time, commands string, n int, limit int64) ([]*reply, error) {
	if err := c.net.SetDeadline(deadline); err != nil {
		return nil, failed(c, err)
	}
	if _, err := c.net.Write([]byte(commands)); err != nil {
		return nil, failed(c, err)
	}
	replies, err := readReplies(c.net, "", n, limit)
	if err != nil {
		return replies, failed(c, err)
	}
	return replies, nil
}

// failed says whose error it is.
func failed(c *conn, err error) error {
	if late(err) {
		return fmt.Errorf("redis: %s did not answer in time: %w", c.address, os.ErrDeadlineExceeded)
	}
	return fmt.Errorf("redis: %s: %w", c.address, err)
}

// late reports whether a deadline was the cause.
func late(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
