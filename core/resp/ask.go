package resp

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

// inTurn tries one server after another until try succeeds, and returns which
// it was. Each has its share of the time left, so that one which hangs does not
// take it all.
func inTurn(ctx context.Context, servers []string, try func(ctx context.Context, address string) error) (string, error) {
	deadline, _ := ctx.Deadline()
	failure := errors.New("redis: no server to ask")
	for i, address := range servers {
		share := time.Until(deadline) / time.Duration(len(servers)-i)
		own, cancel := context.WithTimeout(ctx, share)
		err := try(own, address)
		cancel()
		if err == nil {
			return address, nil
		}
		failure = err
		if ctx.Err() != nil {
			break
		}
	}
	return "", failure
}

// ask asks a server one question, on a connection for it alone.
func ask(ctx context.Context, t *redis.Target, address string, l login, question string) (*reply, error) {
	c, err := connect(ctx, t, address, l)
	if err != nil {
		return nil, err
	}
	defer c.raw.Close()
	stop := context.AfterFunc(ctx, func() { c.raw.Close() })
	defer stop()
	deadline, _ := ctx.Deadline()
	replies, err := converse(c, deadline, question, 1, maxStateReply)
	if err != nil {
		return nil, err
	}
	return replies[0], replies[0].failure()
}

// announced is the address that a server gives for another, or for itself with
// a host that it does not know: then it is the one that it was asked at.
func announced(host, port, asked string) string {
	if host == "" || host == "?" {
		host, _, _ = net.SplitHostPort(asked)
	}
	return net.JoinHostPort(host, port)
}
