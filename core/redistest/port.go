package redistest

import (
	"math/rand"
	"net"
	"strconv"
	"testing"
)

// busOffset is how far above its port a Cluster node's bus is.
const busOffset = 10000

// freePort finds a port that is free, as is the one busOffset above it. It looks
// below the ports that kernels give to outgoing connections.
func freePort(t testing.TB) string {
	t.Helper()
	for try := 0; try < 1000; try++ {
		port := 10000 + rand.Intn(12000)
		if free(port) && free(port+busOffset) {
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no free port on 127.0.0.1")
	return ""
}

func free(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	listener.Close()
	return true
}
