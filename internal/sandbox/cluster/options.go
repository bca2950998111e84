package cluster

import (
	"context"
	"net"

	"k8s.io/client-go/rest"
)

// DefaultNodes is the number of nodes when Options.Nodes is zero.
const DefaultNodes = 2

// Options say what kind of sandbox is wanted.
type Options struct {
	// Nodes is the number of nodes; zero means DefaultNodes.
	Nodes int `json:"nodes"`
	// Mesh adds the stand-ins for Linkerd's pods.
	Mesh bool `json:"mesh"`
	// Audit writes an audit log at level Metadata.
	Audit bool `json:"audit"`
}

// Network answers for the pods of the sandbox, which are objects without processes. It is safe for concurrent use.
type Network interface {
	// Pod returns what serves connections to a pod's address, or false where nothing listens. The API server asks
	// for webhooks, aggregated APIs and the proxy subresource.
	Pod(ip string, port int) (serve func(net.Conn), ok bool)
	// Forward returns what serves a forwarded port of a pod, or the reason why nothing does.
	Forward(namespace, pod string, port int) (serve func(net.Conn), err error)
}

// Attach starts a Network against the running API; it stops with ctx.
type Attach func(ctx context.Context, config *rest.Config) (Network, error)
