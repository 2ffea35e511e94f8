package redistest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Wire is a TCP connection's way to a server, on which things go wrong as told.
type Wire struct {
	to       string
	listener net.Listener
	serving  sync.WaitGroup

	asked, answered atomic.Int64 // bytes

	mu      sync.Mutex
	fault   Fault
	changed chan struct{} // closed when the fault is another
	conns   map[*net.TCPConn]bool
	closed  bool
}

// Fault is what a Wire does with what the server answers.
type Fault struct {
	// Delay holds each answer back, as a far or slow server would.
	Delay time.Duration

	// Trickle delivers answers byte by byte, with this pause before each.
	Trickle time.Duration

	// Hold delivers nothing, in either direction, until the fault is over.
	Hold bool

	// Reset ends all connections, and each new one, with a TCP reset.
	Reset bool
}

// StartWire listens on a free port and connects to the server at the address.
func StartWire(t testing.TB, to string) *Wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{to: to, listener: listener, changed: make(chan struct{}), conns: map[*net.TCPConn]bool{}}
	w.serving.Add(1)
	go w.serve()
	t.Cleanup(w.close)
	return w
}

// Addr is where clients connect to.
func (w *Wire) Addr() string { return w.listener.Addr().String() }

// Set makes the fault the Wire's, on connections that are open too. The zero
// Fault is none.
func (w *Wire) Set(f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
	close(w.changed)
	w.changed = make(chan struct{})
	if f.Reset {
		w.cut()
	}
}

// Bytes is how many bytes clients have sent, and how many came back, so far.
func (w *Wire) Bytes() (asked, answered int64) { return w.asked.Load(), w.answered.Load() }

func (w *Wire) close() {
	w.mu.Lock()
	w.closed = true
	w.listener.Close()
	w.cut()
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
	w.serving.Wait()
}

// cut resets all connections. mu is held.
func (w *Wire) cut() {
	for conn := range w.conns {
		conn.SetLinger(0)
		conn.Close()
	}
}

func (w *Wire) serve() {
	defer w.serving.Done()
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.serving.Add(1)
		go w.join(conn.(*net.TCPConn))
	}
}

// join connects a client with the server until either hangs up.
func (w *Wire) join(client *net.TCPConn) {
	defer w.serving.Done()
	if !w.add(client) {
		return
	}
	defer w.remove(client)
	conn, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	if !w.add(server) {
		return
	}
	defer w.remove(server)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		w.carry(server, client, false)
	}()
	w.carry(client, server, true)
	<-asked
}

func (w *Wire) add(conn *net.TCPConn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.fault.Reset {
		conn.SetLinger(0)
		conn.Close()
		return false
	}
	w.conns[conn] = true
	return true
}

func (w *Wire) remove(conn *net.TCPConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, conn)
	conn.Close()
}

func (w *Wire) carry(to, from *net.TCPConn, answers bool) {
	defer to.Close()
	defer from.Close()
	count := &w.asked
	if answers {
		count = &w.answered
	}
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		count.Add(int64(n))
		if err != nil || !w.deliver(to, buffer[:n], answers) {
			return
		}
	}
}

// deliver writes what came, when and as the fault lets it.
func (w *Wire) deliver(to *net.TCPConn, part []byte, answers bool) bool {
	for len(part) > 0 {
		w.mu.Lock()
		f, changed, closed := w.fault, w.changed, w.closed
		w.mu.Unlock()
		piece := part
		switch {
		case closed:
			return false
		case f.Hold:
			<-changed
			continue
		case answers && f.Delay > 0:
			pause(changed, f.Delay)
		case answers && f.Trickle > 0:
			pause(changed, f.Trickle)
			piece = part[:1]
		}
		if _, err := to.Write(piece); err != nil {
			return false
		}
		part = part[len(piece):]
	}
	return true
}

// pause waits, unless the fault changes.
func pause(changed chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	}
}
