package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// patience is how long an answer may take.
const patience = 10 * time.Second

// answers are what a load got.
type answers struct {
	took  []time.Duration // of each, from the shortest
	of    map[int]int     // how many of each status
	lasts time.Duration
}

func (a *answers) perSecond() float64 { return float64(len(a.took)) / a.lasts.Seconds() }

// percentile is how long the fastest so many of a hundred took at most.
func (a *answers) percentile(p int) time.Duration {
	if len(a.took) == 0 {
		return 0
	}
	return a.took[min(len(a.took)*p/100, len(a.took)-1)]
}

// drive asks for the URL over so many connections, on each again as soon as it
// is answered, for so long or until ctx is over. The first answer on each
// connection is not counted: that the connection is new makes it slow.
func drive(ctx context.Context, target string, connections int, lasts time.Duration) (*answers, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	request := []byte("GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\n\r\n")
	var open []*connection
	defer func() {
		for _, c := range open {
			c.conn.Close()
		}
	}()
	for range connections {
		c, err := dial(ctx, u.Host, request)
		if err != nil {
			return nil, err
		}
		open = append(open, c)
		if _, err := c.ask(); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	end := began.Add(lasts)
	failed := make([]error, connections)
	var all sync.WaitGroup
	for i, c := range open {
		all.Go(func() { failed[i] = c.askUntil(ctx, end) })
	}
	all.Wait()
	sum := &answers{of: map[int]int{}, lasts: time.Since(began)}
	for i, c := range open {
		if failed[i] != nil {
			return nil, fmt.Errorf("GET %s: %w", target, failed[i])
		}
		sum.took = append(sum.took, c.took...)
		for status, n := range c.of {
			sum.of[status] += n
		}
	}
	slices.Sort(sum.took)
	return sum, nil
}

// connection is an HTTP connection that sends one request over and over. It
// does less than net/http does for a request, since it takes from the proxy's
// share of the machine.
type connection struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
	took    []time.Duration
	of      map[int]int
}

func dial(ctx context.Context, address string, request []byte) (*connection, error) {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		conn.Close()
		return nil, err
	}
	return &connection{conn: conn, reader: bufio.NewReader(conn), request: request, of: map[int]int{}}, nil
}

func (c *connection) askUntil(ctx context.Context, end time.Time) error {
	if err := c.conn.SetDeadline(end.Add(patience)); err != nil {
		return err
	}
	for at := time.Now(); at.Before(end); {
		if err := ctx.Err(); err != nil {
			return err
		}
		status, err := c.ask()
		if err != nil {
			return err
		}
		now := time.Now()
		c.took = append(c.took, now.Sub(at))
		c.of[status]++
		at = now
	}
	return nil
}

// ask sends the request, reads the answer and returns its status.
func (c *connection) ask() (status int, err error) {
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("answered %q, want HTTP/1.1", line)
	}
	status, err = strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, fmt.Errorf("answered %q, want HTTP/1.1", line)
	}
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, fmt.Errorf("status %d without a Content-Length", status)
	}
	_, err = io.CopyN(io.Discard, c.reader, int64(length))
	return status, err
}
