package kube

import (
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers"
)

// Options are what all connections of one run share. The zero value uses the usual kubeconfig rules (KUBECONFIG, then
// the file in the home directory, then the service account of a pod) and logs nothing.
type Options struct {
	// Kubeconfig is the path of one kubeconfig file; empty means the usual rules.
	Kubeconfig string
	// Context names the context for connections that name none; empty means the kubeconfig's current one.
	Context string
	// Logger gets what client-go says; nil discards it.
	Logger hclog.Logger
	// Verify asks the server about every object, also about those that look unchanged.
	Verify bool
	// UserAgent identifies the program to the API server and its audit log; empty means "meshplan".
	UserAgent string
	// Waiting is told, for people, that a server does not answer and requests are repeated, and that it answers again; nil
	// means that nobody listens. It may be called from several goroutines at once.
	Waiting func(text string)
	// Inspect judges every object that is planned, and may keep it: it must not change it. It needs no cluster. Findings
	// about an object that does not change are dropped. nil judges nothing.
	Inspect func(owner providers.Owner, u *unstructured.Unstructured) hcl.Diagnostics
}

// Pool hands out one Cluster per connection, so that the providers of a run share connections, discovery and the
// planned World.
type Pool struct {
	options Options

	mu       sync.Mutex // guards clusters
	clusters map[Connection]*Cluster
}

// NewPool makes a pool. It does no I/O.
func NewPool(o Options) *Pool {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.UserAgent == "" {
		o.UserAgent = "meshplan"
	}
	routeKlog(o.Logger)
	return &Pool{options: o, clusters: map[Connection]*Cluster{}}
}

// Cluster returns the one Cluster of a connection. It does no I/O: the first call that needs the API server connects.
func (p *Pool) Cluster(c Connection) *Cluster {
	if c.Context == "" {
		c.Context = p.options.Context
	}
	expected := c.UID
	c.UID = "" // blocks that name it and blocks that do not share what they know
	p.mu.Lock()
	found := p.clusters[c]
	if found == nil {
		found = newCluster(p.options, c)
		p.clusters[c] = found
	}
	p.mu.Unlock()
	found.expect(expected)
	return found
}
