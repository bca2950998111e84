package policy

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshplan/meshplan/internal/diag"
)

// TestProbesThatAServerRefuses: Linkerd admits httpGet probes by itself. The kubelet's other ways to ask have no identity, so that a
// Server which wants one refuses them; a command in the container asks nobody.
func TestProbesThatAServerRefuses(t *testing.T) {
	tcp := func(port intstr.IntOrString) corev1.ProbeHandler {
		return corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: port}}
	}
	grpc := corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 8080}}
	http := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}
	exec := corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}
	for name, tt := range map[string]struct {
		handler corev1.ProbeHandler
		access  string
		want    string
	}{
		"tcp by number":        {tcp(intstr.FromInt32(8080)), Deny, "a TCP connection of the kubelet to port 8080"},
		"tcp by name":          {tcp(intstr.FromString("http")), Deny, "a TCP connection of the kubelet to port 8080"},
		"tcp, nothing said":    {tcp(intstr.FromInt32(8080)), "", "a TCP connection"},
		"tcp, authenticated":   {tcp(intstr.FromInt32(8080)), "cluster-authenticated", "a TCP connection"},
		"grpc":                 {grpc, Deny, "a gRPC call"},
		"tcp of another port":  {tcp(intstr.FromInt32(9090)), Deny, ""},
		"tcp, only audited":    {tcp(intstr.FromInt32(8080)), "audit", ""},
		"tcp, unauthenticated": {tcp(intstr.FromInt32(8080)), "all-unauthenticated", ""},
		"http":                 {http, Deny, ""},
		"a command":            {exec, Deny, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "web", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}, ReadinessProbe: &corev1.Probe{ProbeHandler: tt.handler},
			}}}}
			ds := lintProbes(pod, "deployment/web", 8080, Server{Name: "web", AccessPolicy: tt.access})
			switch {
			case tt.want == "" && len(ds) == 0:
			case tt.want != "" && len(ds) == 1 && diag.CodeOf(ds[0]) == CodeProbe && strings.Contains(ds[0].Detail, tt.want):
			default:
				t.Errorf("%v, want %q", ds, tt.want)
			}
		})
	}
}
