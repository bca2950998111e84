package mesh

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The switch on the namespace and the one on the pod combine as Linkerd documents it.
func TestDecide(t *testing.T) {
	for _, c := range []struct{ namespace, pod, reason string }{
		{"enabled", "", ""},
		{"enabled", "ingress", ""},
		{"ingress", "enabled", ""},
		{"enabled", "disabled", "pod has the annotation"},
		{"", "enabled", ""},
		{"disabled", "enabled", ""},
		{"disabled", "", "namespace has the annotation"},
		{"", "", "neither the namespace nor the pod"},
		{"true", "enabled", "invalid value"},
		{"enabled", "true", "invalid value"},
	} {
		got := decide(c.namespace, c.pod)
		if c.reason == "" && got != "" || !strings.Contains(got, c.reason) {
			t.Errorf("decide(%q, %q) = %q, want %q", c.namespace, c.pod, got, c.reason)
		}
	}
}

func testInjection(namespace, pod map[string]string, values map[string]any) *injection {
	return &injection{
		settings:  settings{namespace: "linkerd", values: values},
		anchors:   "anchors",
		namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Annotations: namespace}},
		pod: &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Annotations: pod},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "app", Ports: []corev1.ContainerPort{{ContainerPort: 3306}, {ContainerPort: 8080}},
			}}},
		},
		owner: owner{"apps/v1", "Deployment", "web", "1"},
	}
}

// Annotations of the namespace reach the pod unless it has its own, and only the inherited ones.
func TestInjectInheritsAnnotations(t *testing.T) {
	p := testInjection(
		map[string]string{annInject: "enabled", annConfig + "proxy-log-level": "debug", annConfig + "proxy-cpu-ratio-limit": "0.5",
			annConfig + "default-inbound-policy": "deny"},
		map[string]string{annConfig + "default-inbound-policy": "audit"}, nil).inject()
	if p.Annotations[annInject] != "enabled" || p.Annotations[annConfig+"proxy-log-level"] != "debug" {
		t.Errorf("annotations = %v, want those of the namespace", p.Annotations)
	}
	if _, ok := p.Annotations[annConfig+"proxy-cpu-ratio-limit"]; ok {
		t.Error("proxy-cpu-ratio-limit was inherited")
	}
	proxy, native := proxyOf(p)
	if proxy == nil || !native {
		t.Fatalf("proxy = %v, native %v, want a native sidecar by default", proxy, native)
	}
	for _, e := range proxy.Env {
		if e.Name == envDefaultPolicy && e.Value != "audit" {
			t.Errorf("%s = %q, want the pod's audit", e.Name, e.Value)
		}
	}
	if got := p.Annotations[annOpaquePorts]; got != "3306" {
		t.Errorf("opaque ports = %q, want 3306", got)
	}
	if p.Labels["linkerd.io/proxy-deployment"] != "web" {
		t.Errorf("labels = %v, want the owner", p.Labels)
	}
}

// The three spellings of the native sidecar switch have an order, and the values come last.
func TestNativeSidecar(t *testing.T) {
	off := map[string]any{"proxy": map[string]any{"nativeSidecar": false}}
	for _, c := range []struct {
		pod    map[string]string
		values map[string]any
		want   bool
	}{
		{nil, nil, true},
		{nil, off, false},
		{map[string]string{annNativeAlpha: "true"}, off, true},
		{map[string]string{annNativeAlpha: "true", annNativeBeta: "false"}, off, false},
		{map[string]string{annNativeBeta: "false", annNative: "true"}, off, true},
	} {
		_, native := proxyOf(testInjection(nil, c.pod, c.values).inject())
		if native != c.want {
			t.Errorf("native sidecar with %v and %v = %v, want %v", c.pod, c.values, native, c.want)
		}
	}
}
