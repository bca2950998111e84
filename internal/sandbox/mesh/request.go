package mesh

import "net/netip"

// request is one connection or HTTP request as the server's proxy sees it.
type request struct {
	client   netip.Addr
	tls      bool
	identity string // of the client; empty without mesh TLS
	http     bool   // false for an opaque TCP connection
	method   string
	path     string
}

// verdict is what the server's proxy makes of a request, in the words of its metrics' labels.
type verdict struct {
	allow    bool
	notFound bool // no route matches
	server   ref
	port     int
	route    ref
	authz    ref
}

// ref names a policy object in metric labels. Defaults have the kind "default".
type ref struct{ group, kind, name string }

const policyGroup = "policy.linkerd.io"
const gatewayGroup = "gateway.networking.k8s.io"

func defaultRef(name string) ref { return ref{"", "default", name} }
