package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	//lint:ignore SA1019 the dialers of client-go speak in these types
	"k8s.io/apimachinery/pkg/util/httpstream"
)

// Forward opens a connection to a port of a pod through the API server. It needs the verb create (or get, for
// WebSockets) on pods/portforward. Closing the connection ends the forwarding. Deadlines are not supported by the
// transport: cancel ctx, which closes the connection.
func (c *Cluster) Forward(ctx context.Context, namespace, pod string, port int) (net.Conn, error) {
	k, err := c.connect()
	if err != nil {
		return nil, err
	}
	url := k.raw.Get().AbsPath("api", "v1", "namespaces", namespace, "pods", pod, "portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(k.config)
	if err != nil {
		return nil, err
	}
	websocket, err := portforward.NewSPDYOverWebsocketDialer(url, k.config)
	if err != nil {
		return nil, err
	}
	dialer := portforward.NewFallbackDialer(websocket, spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url),
		func(err error) bool { return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) })
	type dialed struct {
		conn httpstream.Connection
		err  error
	}
	done := make(chan dialed, 1)
	go func() {
		conn, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		done <- dialed{conn, err}
	}()
	select {
	case <-ctx.Done():
		go func() { // the dialer knows no context: close what comes too late
			if d := <-done; d.conn != nil {
				_ = d.conn.Close()
			}
		}()
		return nil, ctx.Err()
	case d := <-done:
		if d.err != nil {
			return nil, fmt.Errorf("port %d of pod %s/%s: %w", port, namespace, pod, d.err)
		}
		return newForwarded(ctx, d.conn, namespace+"/"+pod, port)
	}
}

// forwarded is one stream pair of a port-forward connection.
type forwarded struct {
	conn httpstream.Connection
	data httpstream.Stream
	addr forwardAddr
	end  context.CancelFunc // closes the connection
	mu   sync.Mutex         // guards fail
	fail error
}

type forwardAddr struct{ pod string }

func (forwardAddr) Network() string  { return "portforward" }
func (a forwardAddr) String() string { return a.pod }

func newForwarded(ctx context.Context, conn httpstream.Connection, pod string, port int) (net.Conn, error) {
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	failures, err := conn.CreateStream(headers)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = failures.Close() // we only read from it
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(headers)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	ctx, end := context.WithCancel(ctx)
	context.AfterFunc(ctx, func() {
		_ = data.Reset()
		_ = conn.Close()
	})
	f := &forwarded{conn: conn, data: data, end: end, addr: forwardAddr{net.JoinHostPort(pod, strconv.Itoa(port))}}
	go func() {
		if text, err := io.ReadAll(io.LimitReader(failures, 4096)); err == nil && len(text) > 0 {
			f.mu.Lock()
			f.fail = fmt.Errorf("port %d of pod %s: %s", port, pod, text)
			f.mu.Unlock()
			_ = f.Close()
		}
	}()
	return f, nil
}

func (f *forwarded) cause(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.fail != nil {
		return f.fail
	}
	return err
}

func (f *forwarded) Read(b []byte) (int, error) {
	n, err := f.data.Read(b)
	if n > 0 && errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	return n, f.cause(err)
}

func (f *forwarded) Write(b []byte) (int, error) {
	n, err := f.data.Write(b)
	return n, f.cause(err)
}

func (f *forwarded) Close() error {
	f.end()
	return nil
}

func (f *forwarded) LocalAddr() net.Addr  { return forwardAddr{"local"} }
func (f *forwarded) RemoteAddr() net.Addr { return f.addr }

// The deadlines do nothing: the caller's context bounds the connection.
func (f *forwarded) SetDeadline(time.Time) error      { return nil }
func (f *forwarded) SetReadDeadline(time.Time) error  { return nil }
func (f *forwarded) SetWriteDeadline(time.Time) error { return nil }
