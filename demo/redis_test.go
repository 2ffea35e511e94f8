package main

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func TestEmbeddedRedisExpires(t *testing.T) {
	server := miniredis.RunT(t)
	if err := server.Set("key", "value"); err != nil {
		t.Fatal(err)
	}
	const lifetime = 300 * time.Millisecond
	began := time.Now()
	server.SetTTL("key", lifetime)

	stop := make(chan struct{})
	defer close(stop)
	go expire(server, stop)
	for server.Exists("key") {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the key does not expire")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if lived := time.Since(began); lived < lifetime-expiryStep {
		t.Errorf("the key lived %s, want about %s", lived, lifetime)
	}
}
