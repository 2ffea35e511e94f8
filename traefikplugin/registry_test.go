package traefikplugin

import (
	"context"
	"errors"
	"testing"
	"time"
)

// script is a registry whose time passes when the test says so.
type script struct {
	t *testing.T
	*registry
	opened, closed int
	due            chan func()
}

func newScript(t *testing.T) *script {
	s := &script{t: t, due: make(chan func(), 100)}
	s.registry = &registry{entries: map[string]*entry{}, after: func(d time.Duration, f func()) { s.due <- f }}
	return s
}

func (s *script) use() (leave func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	_, err := s.acquire(ctx, "key", func() (*shared, error) {
		s.opened++
		return &shared{close: func() { s.closed++ }}, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return cancel
}

// idle waits until nobody uses the entry, and returns the end of its grace.
func (s *script) idle() (graceOver func()) { return <-s.due }

func (s *script) want(opened, closed int) {
	s.t.Helper()
	if s.opened != opened || s.closed != closed {
		s.t.Errorf("opened %d and closed %d, want %d and %d", s.opened, s.closed, opened, closed)
	}
}

func TestRegistryShares(t *testing.T) {
	s := newScript(t)
	leaveA, leaveB := s.use(), s.use()
	s.want(1, 0)
	leaveA()
	leaveB()
	s.idle()()
	s.want(1, 1)
	s.use()
	s.want(2, 1)
}

func TestRegistryKeepsAcrossAReload(t *testing.T) {
	s := newScript(t)
	leave := s.use()
	for range 100 {
		// Traefik ends the old configuration before it makes the new one.
		leave()
		graceOver := s.idle()
		leave = s.use()
		graceOver()
	}
	s.want(1, 0)
}

func TestRegistryEndsOnlyTheLatestGrace(t *testing.T) {
	s := newScript(t)
	s.use()()
	first := s.idle()
	s.use()()
	second := s.idle()
	first()
	s.want(1, 0)
	second()
	s.want(1, 1)
}

func TestRegistryForgetsWhatDidNotOpen(t *testing.T) {
	s := newScript(t)
	wrong := errors.New("wrong")
	if _, err := s.acquire(context.Background(), "key", func() (*shared, error) { return nil, wrong }); err != wrong {
		t.Errorf("got %v, want %v", err, wrong)
	}
	s.use()
	s.want(1, 0)
}
