package mesh

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ProbesOutsideHTTP names the kubelet's probes of a port that Linkerd does not admit by itself where a Server refuses
// clients without identity: only httpGet probes are. Exec probes need no admission.
func ProbesOutsideHTTP(spec *corev1.PodSpec, port int) (out []string) {
	for i := range spec.Containers {
		c := &spec.Containers[i]
		for _, p := range []struct {
			name  string
			probe *corev1.Probe
		}{{"liveness", c.LivenessProbe}, {"readiness", c.ReadinessProbe}, {"startup", c.StartupProbe}} {
			switch {
			case p.probe == nil:
			case p.probe.GRPC != nil && int(p.probe.GRPC.Port) == port:
				out = append(out, fmt.Sprintf("%s probe of container %s (gRPC)", p.name, c.Name))
			case p.probe.TCPSocket != nil && portOf(c, p.probe.TCPSocket.Port) == port:
				out = append(out, fmt.Sprintf("%s probe of container %s (TCP)", p.name, c.Name))
			}
		}
	}
	return out
}

// portOf resolves a port that may be the name of a container's port.
func portOf(c *corev1.Container, port intstr.IntOrString) int {
	if port.Type == intstr.Int {
		return port.IntValue()
	}
	for _, p := range c.Ports {
		if p.Name == port.StrVal {
			return int(p.ContainerPort)
		}
	}
	return 0
}
