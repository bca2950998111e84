package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// lintServer finds what the API server accepts and Linkerd does not do.
func lintServer(s *surroundings, v cty.Value) (hcl.Diagnostics, []string) {
	i := slices.IndexFunc(s.objects.Servers, func(o Server) bool { return o.Name == schema.Text(v.GetAttr("name")) })
	if i < 0 || s.objects.Servers[i].Selector == nil || s.observed.Namespace == nil {
		return nil, nil
	}
	server := s.objects.Servers[i]
	var ds hcl.Diagnostics
	selected, declared := 0, false
	overlaps := map[string]string{} // other Server → where
	for _, w := range s.observed.Workloads {
		for _, pod := range w.Current {
			if !selects(server.Selector, pod.Labels) {
				continue
			}
			selected++
			for _, p := range containerPorts(pod) {
				if server.selects(pod, int(p.ContainerPort)) {
					declared = true
				}
			}
			for _, port := range server.ports(pod) {
				for _, other := range s.objects.Servers {
					if other.Name != server.Name && other.selects(pod, port) {
						overlaps[other.Name] = fmt.Sprintf("port %d of %s", port, w.Name)
					}
				}
				ds = append(ds, lintProbes(pod, w.Name, port, server)...)
				for _, p := range uncovered(pod, w.Name, port, s) {
					ds = append(ds, p.diagnostic(server.Name, "pod_selector"))
				}
			}
			break // the pods of one revision are alike
		}
	}
	for _, name := range slices.Sorted(maps.Keys(overlaps)) {
		other := s.objects.Servers[slices.IndexFunc(s.objects.Servers, func(o Server) bool { return o.Name == name })]
		winner := server.Name
		if compareAge(other, server) < 0 {
			winner = name
		}
		d := diag.At(diag.Errorf(CodeOverlap, "Servers overlap",
			"Servers %q and %q both select %s. Linkerd uses the older one (%q) and ignores the other without a word. Narrow a selector, or remove one of them.",
			server.Name, name, overlaps[name], winner), cty.GetAttrPath("pod_selector"))
		if other.Managed && !other.Created.IsZero() {
			// The run may be about to delete it.
			d.Severity = hcl.DiagWarning
		}
		ds = append(ds, d)
	}
	switch {
	case selected == 0 && len(s.observed.Workloads) > 0:
		ds = append(ds, diag.At(diag.Warningf(CodeNoPods, "Server selects no pod", "No pod of a workload in namespace %q has the labels of Server %q, so it decides nothing for now.",
			s.observed.Namespace.Name, server.Name), cty.GetAttrPath("pod_selector")))
	case selected > 0 && !declared:
		ds = append(ds, diag.At(diag.Warningf(CodeUndeclaredPort, "Port is not declared", "No container of the pods that Server %q selects declares port %s.%s",
			server.Name, server.Port.String(), suggestPort(s, server)), cty.GetAttrPath("port")))
	}
	return ds, nil
}

// ports are the ports of a pod that the Server covers; a number counts even when it is not declared.
func (s *Server) ports(pod *corev1.Pod) []int {
	if s.Port.Type == intstr.Int {
		return []int{s.Port.IntValue()}
	}
	var out []int
	for _, p := range containerPorts(pod) {
		if p.Name == s.Port.StrVal {
			out = append(out, int(p.ContainerPort))
		}
	}
	return out
}

func suggestPort(s *surroundings, server Server) string {
	var declared []string
	for _, w := range s.observed.Workloads {
		for _, pod := range w.Current {
			if selects(server.Selector, pod.Labels) {
				for _, p := range containerPorts(pod) {
					declared = append(declared, strings.TrimSuffix(fmt.Sprintf("%d (%s)", p.ContainerPort, p.Name), " ()"))
				}
			}
		}
	}
	if len(declared) == 0 {
		return " They declare no port at all."
	}
	return " They declare " + strings.Join(sortedUnique(declared), ", ") + "."
}

// lintProbes warns of probes that Linkerd does not admit by itself: it does so for httpGet probes only.
func lintProbes(pod *corev1.Pod, workload string, port int, server Server) hcl.Diagnostics {
	access := cmp.Or(server.AccessPolicy, Deny)
	if access != Deny && !strings.HasSuffix(access, "-authenticated") {
		return nil
	}
	var ds hcl.Diagnostics
	for _, c := range pod.Spec.Containers {
		for name, probe := range map[string]*corev1.Probe{"liveness": c.LivenessProbe, "readiness": c.ReadinessProbe, "startup": c.StartupProbe} {
			what := ""
			switch {
			case probe == nil:
			case probe.GRPC != nil && int(probe.GRPC.Port) == port:
				what = "a gRPC call"
			case probe.TCPSocket != nil && probePort(&c, probe.TCPSocket.Port) == port:
				what = "a TCP connection"
			}
			if what == "" {
				continue
			}
			ds = append(ds, diag.Warningf(CodeProbe, "Probe will be refused",
				"The %s probe of container %s in %s is %s of the kubelet to port %d, which has no mesh identity; Server %q (%s) refuses it and the pod becomes unready. "+
					"Use an httpGet probe, which Linkerd admits by itself, or admit the kubelet's network with a linkerd_network_authentication.",
				name, c.Name, workload, what, port, server.Name, access))
		}
	}
	slices.SortFunc(ds, func(a, b *hcl.Diagnostic) int { return cmp.Compare(a.Detail, b.Detail) })
	return ds
}
