// Package handover serves connections that arrive from inside the process instead of at a port.
package handover

import (
	"net"
	"sync"
)

// Listener is a net.Listener whose connections are handed in. Use New. It is safe for concurrent use.
type Listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// New returns an open listener.
func New() *Listener {
	return &Listener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Hand gives conn to the server, or closes it when the server has stopped.
func (h *Listener) Hand(conn net.Conn) {
	select {
	case h.conns <- conn:
	case <-h.closed:
		conn.Close()
	}
}

// Accept implements net.Listener.
func (h *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *Listener) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener; there is no address.
func (h *Listener) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }
