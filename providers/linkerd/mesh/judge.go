package mesh

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshplan/meshplan/internal/diag"
)

const (
	proxyContainer     = "linkerd-proxy"
	initContainer      = "linkerd-init"
	validatorContainer = "linkerd-network-validator"
	anchorsEnv         = "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS"
	localNameEnv       = "LINKERD2_PROXY_IDENTITY_LOCAL_NAME"
)

// Want is what a pod must look like to count as fully meshed. Empty fields are not compared.
type Want struct {
	// ControlPlane is the namespace of the control plane, TrustDomain the end of every identity.
	ControlPlane, TrustDomain string
	// Version is the tag of the proxy's image. A pod's own annotation takes its place.
	Version string
	// Anchors are the digests of the trust anchors that the pod must hold, exactly.
	Anchors map[[sha256.Size]byte]bool
	// CNI says that pods are set up by the CNI plugin instead of an init container.
	CNI bool
	// Native says whether proxies are sidecar init containers, which end after the workload; nil when nothing says so.
	Native *bool
	// Annotations are the injection mode and settings that the pod must have been made with.
	Annotations map[string]string
	// Absent are settings that the pod must have been made without.
	Absent []string
}

// Verdict is the judgement on one pod. Both lists are empty for a fully meshed one.
type Verdict struct {
	// Wrong says what only a new pod can mend.
	Wrong []string
	// Waiting says what may come by itself.
	Waiting []string
}

// Meshed reports whether nothing is missing.
func (v Verdict) Meshed() bool { return len(v.Wrong) == 0 && len(v.Waiting) == 0 }

// Judge compares a pod with what it must look like. It is pure.
func Judge(p *corev1.Pod, want Want) Verdict {
	var v Verdict
	proxy, status := proxyOf(p)
	if proxy == nil {
		v.Wrong = append(v.Wrong, "it has no proxy")
		return v
	}
	if got := p.Labels[controlPlaneLabel]; got != want.ControlPlane {
		v.Wrong = append(v.Wrong, fmt.Sprintf("it belongs to the mesh of control plane %q, not %q", diag.Scrub(got), want.ControlPlane))
	}
	if text := wrongVersion(p, proxy, want.Version); text != "" {
		v.Wrong = append(v.Wrong, text)
	}
	if text := wrongAnchors(proxy, want.Anchors); text != "" {
		v.Wrong = append(v.Wrong, text)
	}
	set := containerNames(p)
	if want.CNI && !set[validatorContainer] || !want.CNI && !set[initContainer] && !set[validatorContainer] {
		v.Wrong = append(v.Wrong, "nothing redirects its traffic to the proxy (no linkerd-init or network validator)")
	}
	if suffix := ".serviceaccount.identity." + want.ControlPlane + "." + want.TrustDomain; want.TrustDomain != "" {
		if name, ok := envOf(proxy, localNameEnv); ok && !strings.HasSuffix(name, suffix) {
			v.Wrong = append(v.Wrong, fmt.Sprintf("its identity %q does not end in %q", diag.Scrub(name), suffix))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want.Annotations)) {
		if got := p.Annotations[key]; got != want.Annotations[key] {
			v.Wrong = append(v.Wrong, fmt.Sprintf("it was made with %s = %q, not %q", key, diag.Scrub(got), want.Annotations[key]))
		}
	}
	for _, key := range want.Absent {
		if got, ok := p.Annotations[key]; ok {
			v.Wrong = append(v.Wrong, fmt.Sprintf("it was made with %s = %q, which is not set any more", key, diag.Scrub(got)))
		}
	}
	v.Waiting = waitingFor(p, status)
	return v
}

// proxyOf finds the proxy among the containers and, as a native sidecar, among the init containers.
func proxyOf(p *corev1.Pod) (*corev1.Container, *corev1.ContainerStatus) {
	for i := range p.Spec.Containers {
		if p.Spec.Containers[i].Name == proxyContainer {
			return &p.Spec.Containers[i], statusOf(p.Status.ContainerStatuses)
		}
	}
	for i := range p.Spec.InitContainers {
		if p.Spec.InitContainers[i].Name == proxyContainer {
			return &p.Spec.InitContainers[i], statusOf(p.Status.InitContainerStatuses)
		}
	}
	return nil, nil
}

func statusOf(all []corev1.ContainerStatus) *corev1.ContainerStatus {
	for i := range all {
		if all[i].Name == proxyContainer {
			return &all[i]
		}
	}
	return nil
}

func waitingFor(p *corev1.Pod, proxy *corev1.ContainerStatus) []string {
	var out []string
	switch {
	case proxy == nil:
		out = append(out, "its proxy has not started")
	case !proxy.Ready:
		text := "its proxy is not ready"
		if s := proxy.State.Waiting; s != nil && s.Reason != "" {
			text += ": " + diag.Scrub(s.Reason)
		}
		out = append(out, text)
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return out
		}
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.Name != proxyContainer && s.State.Waiting != nil && s.State.Waiting.Reason != "" && !s.Ready {
			return append(out, fmt.Sprintf("container %s is waiting: %s", s.Name, diag.Scrub(s.State.Waiting.Reason)))
		}
	}
	return append(out, "it is not Ready")
}

// wrongVersion compares the tag of the proxy's image. An image by digest says nothing about its version.
func wrongVersion(p *corev1.Pod, proxy *corev1.Container, want string) string {
	if override := p.Annotations[configPrefix+"proxy-version"]; override != "" {
		want = override
	}
	tag, ok := imageTag(proxy.Image)
	if want == "" || !ok || tag == want {
		return ""
	}
	return fmt.Sprintf("its proxy is %s, not %s", diag.Scrub(tag), want)
}

// imageTag returns the tag of an image reference; ok is false when there is none.
func imageTag(image string) (tag string, ok bool) {
	if strings.Contains(image, "@") {
		return "", false
	}
	i := strings.LastIndexByte(image, ':')
	if i < 0 || strings.Contains(image[i:], "/") { // the colon of a registry's port
		return "", false
	}
	return image[i+1:], true
}

func wrongAnchors(proxy *corev1.Container, want map[[sha256.Size]byte]bool) string {
	text, ok := envOf(proxy, anchorsEnv)
	if len(want) == 0 || !ok {
		return ""
	}
	if got := Anchors(text); !maps.Equal(got, want) {
		return fmt.Sprintf("it trusts %d anchor(s) that are not the %d of the control plane", len(got), len(want))
	}
	return ""
}

// Anchors returns the digests of the certificates in a PEM bundle. Order, repetitions and text between them do not
// matter.
func Anchors(bundle string) map[[sha256.Size]byte]bool {
	out := map[[sha256.Size]byte]bool{}
	for rest := []byte(bundle); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return out
		}
		if block.Type == "CERTIFICATE" {
			out[sha256.Sum256(block.Bytes)] = true
		}
	}
}

// envOf returns a literal environment variable; ok is false when it is absent or comes from elsewhere.
func envOf(c *corev1.Container, name string) (value string, ok bool) {
	for _, e := range c.Env {
		if e.Name == name && e.ValueFrom == nil {
			return e.Value, true
		}
	}
	return "", false
}

func containerNames(p *corev1.Pod) map[string]bool {
	out := map[string]bool{}
	for _, c := range p.Spec.Containers {
		out[c.Name] = true
	}
	for _, c := range p.Spec.InitContainers {
		out[c.Name] = true
	}
	return out
}

// OptOutPod is OptOut for a pod that no template describes.
func OptOutPod(p *corev1.Pod) string {
	return OptOut(&corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec}, false)
}
