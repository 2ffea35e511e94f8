package redistest

import (
	"strconv"
	"time"
)

// Life is how long the server keeps the key yet, false where it has none or
// would keep it for ever.
func (s *Server) Life(key string) (time.Duration, bool) {
	s.t.Helper()
	reply := s.MustDo("PTTL", key)
	n, err := strconv.ParseInt(reply, 10, 64)
	if err != nil {
		s.t.Fatalf("redis-server on %s: PTTL %s: %q", s.addr, key, reply)
	}
	if n < 0 {
		return 0, false
	}
	return time.Duration(n) * time.Millisecond, true
}
