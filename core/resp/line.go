package resp

import (
	"errors"
	"net"
	"strings"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

// Line is a connection in the hands of who asks for many: it writes Commands to
// Net, and reads as many lines, without a call of this package for each. One
// goroutine at a time uses it.
type Line struct {
	Net net.Conn

	// Buffer is for reading: replies that are longer than it are Rest's to read.
	Buffer []byte

	conn *conn
	pool *pool
}

// Line takes a connection to the server that decides, by the deadline. A Cluster
// has no such one.
func (c *Client) Line(deadline time.Time) (*Line, error) {
	if c.pool == nil {
		return nil, errors.New("redis: a Cluster has no single line")
	}
	cn, err := take(c.pool, deadline)
	if err != nil {
		return nil, err
	}
	return &Line{Net: cn.net, Buffer: cn.buffer, conn: cn, pool: c.pool}, nil
}

// Verify makes sure that the peer of a line which was not used for a while has
// not closed it. It is the line from now on, or another; after an error there is
// none.
func (l *Line) Verify(deadline time.Time) (*Line, error) {
	cn, err := l.pool.verify(l.conn, deadline)
	if err != nil {
		return nil, err
	}
	return &Line{Net: cn.net, Buffer: cn.buffer, conn: cn, pool: l.pool}, nil
}

// Release gives the line back, whose replies have all been read.
func (l *Line) Release() { give(l.pool, l.conn) }

// Abandon ends a line that failed, and says whose error that is.
func (l *Line) Abandon(err error) error {
	l.pool.drop(l.conn)
	if late(err) {
		// The others may be fine: closing them would make a slow server slower.
		l.pool.onLoss()
	} else {
		l.pool.flush()
	}
	return failed(l.conn, err)
}

// maxLine is longer than any script's reply or any server's error.
const maxLine = 4 << 10

// Rest reads on until n lines have come, of which got is the beginning.
func (l *Line) Rest(got string, n int) ([]string, error) {
	for {
		if lines := strings.Split(got, "\r\n"); len(lines) > n {
			if len(lines) > n+1 || lines[n] != "" {
				return nil, errors.New("more replies than commands")
			}
			return lines, nil
		}
		if len(got) > n*maxLine {
			return nil, errTooLarge
		}
		read, err := l.Net.Read(l.Buffer)
		if err != nil {
			return nil, err
		}
		got += string(l.Buffer[:read])
	}
}

// Command runs a script that the server knows.
func Command(script *redis.Script, keys, args []string) string { return evalsha(script, keys, args) }
