package memory_test

import (
	"testing"

	"github.com/weirproxy/weir/core/memory"
	"github.com/weirproxy/weir/core/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, _ *storetest.Clock) storetest.Harness {
		s := memory.New(memory.DefaultMaxKeys)
		t.Cleanup(func() { s.Close() })
		return storetest.Harness{Store: s}
	})
}
