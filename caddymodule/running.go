package caddymodule

import (
	"slices"
	"sync"
)

// running are the apps that have been started and not stopped yet, the newest
// last: two while a configuration is being replaced. The admin API asks here,
// since Caddy sets it up before any app, and leaves it with the app of a
// configuration that failed.
var running struct {
	sync.Mutex
	apps []*App
}

func (a *App) started() {
	running.Lock()
	defer running.Unlock()
	running.apps = append(running.apps, a)
}

func (a *App) stopped() {
	running.Lock()
	defer running.Unlock()
	running.apps = slices.DeleteFunc(running.apps, func(other *App) bool { return other == a })
}

// current is the app that serves requests, nil where there is none.
func current() *App {
	running.Lock()
	defer running.Unlock()
	if len(running.apps) == 0 {
		return nil
	}
	return running.apps[len(running.apps)-1]
}
