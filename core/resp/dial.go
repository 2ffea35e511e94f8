package resp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/weirproxy/weir/core/redis"
)

// login is what a new connection has to say and to see.
type login struct {
	username string
	password string
	db       int
	master   bool // whether the server must be a master
}

// bufferSize is enough to read any script's reply at once.
const bufferSize = 2048

// errNotMaster is the answer of a server that Sentinels took for the master.
var errNotMaster = errors.New("is no master")

// connect dials, secures and logs in by ctx's deadline.
func connect(ctx context.Context, t *redis.Target, address string, l login) (*conn, error) {
	dialer := &net.Dialer{}
	raw, err := dialer.DialContext(ctx, t.Network, address)
	c := &conn{net: raw, raw: raw, address: address, buffer: make([]byte, bufferSize), age: fresh}
	if err != nil {
		return nil, failed(c, err)
	}
	// The handshakes know no context, a closed connection ends them.
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	if t.TLS != nil {
		err = c.secure(ctx, t.TLS)
	}
	if err == nil {
		deadline, _ := ctx.Deadline()
		err = c.logIn(deadline, l)
	}
	if !stop() && err == nil {
		err = failed(c, ctx.Err())
	}
	if err != nil {
		raw.Close()
		if ctx.Err() == context.DeadlineExceeded {
			err = failed(c, errors.New("no connection in time: "+err.Error()))
		}
		return nil, err
	}
	return c, nil
}

func (c *conn) secure(ctx context.Context, shared *tls.Config) error {
	config := shared.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(c.address)
		if err != nil {
			return failed(c, err)
		}
		config.ServerName = host
	}
	secured := tls.Client(c.raw, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return failed(c, err)
	}
	c.net, c.secured = secured, true
	return nil
}

// logIn authenticates and selects the database, in one round trip.
func (c *conn) logIn(deadline time.Time, l login) error {
	text, names := "", []string{}
	say := func(args ...string) {
		text += command(args...)
		names = append(names, args[0])
	}
	switch {
	case l.username != "":
		say("AUTH", l.username, l.password)
	case l.password != "":
		say("AUTH", l.password)
	}
	if l.db != 0 {
		say("SELECT", strconv.Itoa(l.db))
	}
	say("CLIENT", "SETNAME", "weir")
	// Who has too many clients answers the first command with an error, and
	// hangs up: the second tells that from a server without names.
	if l.master {
		say("ROLE")
	} else {
		say("PING")
	}
	replies, err := converse(c, deadline, text, len(names), maxStateReply)
	// A server that hangs up says why first.
	for i, r := range replies {
		if refusal := c.checkLogin(names[i], r); refusal != nil {
			return refusal
		}
		if why := r.failure(); why != nil && err != nil {
			return why
		}
	}
	return err
}

func (c *conn) checkLogin(name string, r *reply) error {
	why := ""
	if r.kind == '-' {
		why = code(r.text)
	}
	switch {
	case name == "AUTH" && why == "WRONGPASS":
		return redis.ServerError("WRONGPASS the user name or password is wrong, or the user is disabled")
	case name == "AUTH" && why == "ERR":
		// Some servers repeat the command in the error, password included.
		return redis.ServerError("ERR AUTH was refused: the server may have no password or no such users")
	case name == "AUTH" && why != "":
		return redis.ServerError(why + " AUTH was refused")
	case (name == "ROLE" || name == "PING") && why == "NOPERM":
		// The Sentinels' word has to do.
		return nil
	case name == "ROLE" && why == "" && (len(r.items) == 0 || r.items[0].text != "master"):
		return failed(c, errNotMaster)
	case name == "CLIENT" && why != "NOAUTH" && why != "LOADING":
		// The name is for operators; not every server knows the command.
		return nil
	}
	return r.failure()
}
