package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Router answers for an address inside the cluster. It takes over conn and returns true, or refuses the connection
// by returning false without touching it. Addresses inside the cluster exist nowhere else: nothing is ever dialled.
type Router func(addr string) (serve func(conn net.Conn), ok bool)

// egress is the proxy behind which the API server believes the cluster's network to be: node addresses (kubelets)
// and pod addresses (webhooks, aggregated APIs, the proxy subresource). It listens on an abstract unix socket.
type egress struct {
	listener net.Listener
	name     string
}

func newEgress(name string) (*egress, error) {
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, err
	}
	return &egress{listener: l, name: name}, nil
}

// config is the API server's egress selector configuration. Only the cluster's network goes through the proxy;
// webhooks with a URL stay direct.
func (e *egress) config() string {
	return fmt.Sprintf(`apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %q
`, e.name)
}

// serve routes connections until ctx ends.
func (e *egress) serve(ctx context.Context, route Router) {
	stop := context.AfterFunc(ctx, func() { e.listener.Close() })
	defer stop()
	for {
		conn, err := e.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			slog.Warn("egress accept", "err", err)
			continue
		}
		go connect(conn, route)
	}
}

// connect answers one CONNECT request.
func connect(conn net.Conn, route Router) {
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(conn)
	req, err := http.ReadRequest(r)
	if err != nil || req.Method != http.MethodConnect {
		conn.Close()
		return
	}
	serve, ok := route(req.Host)
	if !ok {
		_, _ = io.WriteString(conn, "HTTP/1.1 502 connection refused\r\n\r\n")
		conn.Close()
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	serve(&bufferedConn{conn, r})
}

// bufferedConn returns first what was read ahead while parsing the request.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }
