package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"

	"github.com/meshplan/meshplan/internal/sandbox/handover"
)

// kubelet is the part of a kubelet's API that the API server calls for a sandbox: port-forward, and logs that say
// why there are none. One handler answers for all nodes.
type kubelet struct {
	network  func() Network // nil until the API has started
	listener *handover.Listener
}

// newKubelet returns a kubelet that serves connections given to listener.Hand. The API server does not verify the
// certificate of a kubelet unless it is told to, and here it is not: the connection never leaves this machine.
func newKubelet(serving tls.Certificate, network func() Network) *kubelet {
	k := &kubelet{network: network, listener: handover.New()}
	mux := http.NewServeMux()
	mux.HandleFunc("/portForward/{namespace}/{pod}", k.portForward)
	mux.HandleFunc("/portForward/{namespace}/{pod}/{uid}", k.portForward)
	mux.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "sandbox pods have no processes, so %s wrote nothing\n", r.PathValue("container"))
	})
	srv := &http.Server{Handler: mux, TLSConfig: &tls.Config{Certificates: []tls.Certificate{serving}}}
	go func() { _ = srv.ServeTLS(k.listener, "", "") }()
	return k
}

func (k *kubelet) portForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, k, r.PathValue("namespace")+"/"+r.PathValue("pod"), r.PathValue("uid"),
		options, 4*time.Hour, 30*time.Second, portforward.SupportedProtocols)
}

// PortForward implements the forwarding of one connection.
func (k *kubelet) PortForward(ctx context.Context, name string, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	namespace, pod, _ := strings.Cut(name, "/")
	network := k.network()
	if network == nil {
		return fmt.Errorf("nothing listens in pod %s: the sandbox runs without its mesh", name)
	}
	serve, err := network.Forward(namespace, pod, int(port))
	if err != nil {
		return err
	}
	near, far := net.Pipe()
	go serve(far)
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(near, stream); done <- struct{}{} }()
	go func() { _, _ = io.Copy(stream, near); done <- struct{}{} }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return near.Close()
}
