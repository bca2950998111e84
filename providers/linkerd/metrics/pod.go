package metrics

import (
	"cmp"
	"time"
)

// Pod is a proxy that can be asked.
type Pod struct {
	Namespace, Name string
	// UID tells a pod from a later one of the same name.
	UID string
	// Workload is the controller that people know the pod by, as `deployment/web`.
	Workload string
	// ServiceAccount is the account that gives the pod its identity.
	ServiceAccount string
	// AdminPort is the port of the proxy's admin server; 0 means DefaultAdminPort.
	AdminPort int
}

// DefaultAdminPort is where a proxy serves its metrics unless an annotation moves it.
const DefaultAdminPort = 4191

func (p Pod) adminPort() int { return cmp.Or(p.AdminPort, DefaultAdminPort) }

// String returns `namespace/name`.
func (p Pod) String() string { return p.Namespace + "/" + p.Name }

func comparePods(a, b Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
}

// Scrape is the answer of one proxy, or the reason why there is none.
type Scrape struct {
	Pod     Pod
	At      time.Time // when the answer arrived
	Samples []Sample
	Err     error // not nil means that nothing is known about this pod
}
