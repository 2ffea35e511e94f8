package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestDrive(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/path" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		if asked.Add(1)%2 == 0 {
			http.Error(w, "too many", http.StatusTooManyRequests)
		}
	}))
	defer server.Close()
	got, err := drive(t.Context(), server.URL+"/path", 4, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	count := int64(len(got.took))
	if count == 0 || count != asked.Load()-4 {
		t.Errorf("%d answers of %d requests, 4 of which do not count", count, asked.Load())
	}
	if ok, many := got.of[http.StatusOK], got.of[http.StatusTooManyRequests]; ok+many != len(got.took) || ok-many < -4 || ok-many > 4 {
		t.Errorf("statuses %v of %d", got.of, count)
	}
	if p50, p99 := got.percentile(50), got.percentile(99); p50 <= 0 || p99 < p50 || got.lasts < 50*time.Millisecond {
		t.Errorf("p50 %s, p99 %s in %s", p50, p99, got.lasts)
	}
}

func TestDriveOfWhatItCannotRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "part")
		w.(http.Flusher).Flush()
	}))
	defer server.Close()
	_, err := drive(t.Context(), server.URL, 1, time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "without a Content-Length") {
		t.Errorf("got %v", err)
	}
}
