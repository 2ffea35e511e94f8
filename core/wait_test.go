package core_test

import (
	"context"
	"testing"
	"time"

	"github.com/weirproxy/weir/core"
)

func TestWait(t *testing.T) {
	begin := time.Now()
	if !core.Wait(context.Background(), 20*time.Millisecond) || time.Since(begin) < 20*time.Millisecond {
		t.Error("it did not wait")
	}
	if !core.Wait(context.Background(), 0) || !core.Wait(context.Background(), -1) {
		t.Error("nothing to wait for")
	}
	gone, leave := context.WithCancel(context.Background())
	over := make(chan bool)
	go func() { over <- core.Wait(gone, time.Hour) }()
	leave()
	if <-over {
		t.Error("a client that has gone waited")
	}
}
