package goredis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// secure makes a TLS connection of one in clear, or closes it.
func secure(ctx context.Context, conn net.Conn, config *tls.Config, address string) (net.Conn, error) {
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			conn.Close()
			return nil, err
		}
		config = config.Clone()
		config.ServerName = host
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return tlsConn{secured}, nil
}

// tlsConn lets go-redis see, before it uses a connection again, that the server
// has closed it in the meantime. Otherwise each connection that a restart leaves
// behind would cost a decision.
type tlsConn struct{ *tls.Conn }

// SyscallConn implements syscall.Conn.
func (c tlsConn) SyscallConn() (syscall.RawConn, error) {
	raw, ok := c.NetConn().(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return raw.SyscallConn()
}
