package draft

// Facts are what a draft is made of. Lists are sorted.
type Facts struct {
	Namespace string
	Mesh      Mesh
	Workloads []Workload
	// Left are workloads that stay out of the mesh, with the reason.
	Left []Remark
	// Remarks are about the namespace as a whole.
	Remarks []string
	// Whole says that the namespace can be annotated; otherwise the workloads are listed one by one.
	Whole bool
	// Refused says why injected pods would be refused; empty when they would not.
	Refused string
	// Existing are policy objects that are there already, as `Server name`.
	Existing []string
}

// Mesh is the control plane as it was found.
type Mesh struct {
	Namespace, TrustDomain string
	// Installed says that there is one; Version and Tool (`Helm release linkerd-control-plane`, or empty) describe it.
	Installed     bool
	Version, Tool string
	// Scheme is that of the issuer's Secret, `linkerd.io/tls` or `kubernetes.io/tls`.
	Scheme string
}

// Workload is a workload that can be meshed.
type Workload struct {
	Name           string // `deployment/web`
	ServiceAccount string
	Pods           int
	Meshed         bool
	Ports          []Port
	// Calls are the workloads that it certainly calls.
	Calls []string
	// Remarks are about the workload.
	Remarks []string
}

// Port is a TCP port of a workload.
type Port struct {
	Number int
	Name   string
	// Declared says that a container declares it: only then does an inbound policy cover it.
	Declared bool
	// Callers are certain, Likely are hinted at.
	Callers, Likely []Caller
	// Outside says how clients from outside the mesh reach it; empty when nothing shows that they do.
	Outside string
	// Probes are those of the kubelet that a closed port would refuse.
	Probes []string
}

// Caller is a workload that calls a port, and what shows it.
type Caller struct {
	Workload, Account string // `deployment/trip`, `shop/trip`
	Evidence          string
}

// Remark is something about an object.
type Remark struct{ Object, Text string }
