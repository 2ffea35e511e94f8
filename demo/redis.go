package main

import (
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// expiryStep is how often the embedded Redis looks for keys whose time is over.
const expiryStep = 100 * time.Millisecond

// startRedis starts a Redis inside this process.
func (d *demo) startRedis() (address string, err error) {
	server, err := miniredis.Run()
	if err != nil {
		return "", fmt.Errorf("start the embedded Redis: %w", err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		expire(server, stop)
	}()
	d.closers = append(d.closers, func() {
		close(stop)
		<-stopped
		server.Close()
	})
	return server.Addr(), nil
}

// expire lets time pass for the keys' lifetimes, which miniredis leaves to its
// user; its TIME is the real one.
func expire(server *miniredis.Miniredis, stop <-chan struct{}) {
	tick := time.NewTicker(expiryStep)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			server.FastForward(now.Sub(last))
			last = now
		}
	}
}
