package mesh

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// injection is one decision of the proxy injector.
type injection struct {
	settings  settings
	anchors   string // the trust bundle
	namespace *corev1.Namespace
	pod       *corev1.Pod
	owner     owner
}

// owner is the object at the end of a pod's chain of controllers: the one that people edit and that gets events.
type owner struct{ apiVersion, kind, name, uid string }

// skip returns why the pod gets no proxy, in the words of the injector's events, or "".
func (i *injection) skip() string {
	spec := &i.pod.Spec
	switch {
	case spec.HostNetwork:
		return "hostNetwork is enabled"
	case sidecarExists(spec):
		return "pod has a sidecar injected already"
	}
	if reason := decide(i.namespace.Annotations[annInject], i.pod.Annotations[annInject]); reason != "" {
		return reason
	}
	if !i.settings.flag("identity.serviceAccountTokenProjection", true) &&
		spec.AutomountServiceAccountToken != nil && !*spec.AutomountServiceAccountToken {
		return `automountServiceAccountToken set to "false", with Values.identity.serviceAccountTokenProjection set to "false"`
	}
	return ""
}

// decide combines the switch on the namespace with the one on the pod.
func decide(namespace, pod string) string {
	valid := func(v string) bool { return v == "" || v == "enabled" || v == "ingress" || v == "disabled" }
	on := func(v string) bool { return v == "enabled" || v == "ingress" }
	switch {
	case !valid(namespace):
		return fmt.Sprintf("invalid value for annotation %q at namespace", annInject)
	case !valid(pod):
		return fmt.Sprintf("invalid value for annotation %q at workload", annInject)
	case on(pod), on(namespace) && pod == "":
		return ""
	case pod == "disabled":
		return fmt.Sprintf("pod has the annotation \"%s:disabled\"", annInject)
	case namespace == "disabled":
		return fmt.Sprintf("namespace has the annotation \"%s:disabled\"", annInject)
	default:
		return fmt.Sprintf("neither the namespace nor the pod have the annotation \"%s:enabled\"", annInject)
	}
}

// sidecarExists says whether a service mesh is in the pod already.
func sidecarExists(spec *corev1.PodSpec) bool {
	for _, c := range append(append([]corev1.Container{}, spec.InitContainers...), spec.Containers...) {
		switch c.Name {
		case proxyContainer, initContainer, "istio-proxy", "istio-init":
			return true
		}
		for _, prefix := range []string{"cr.l5d.io/linkerd/proxy:", "cr.l5d.io/linkerd/proxy-init:",
			"docker.io/istio/proxyv2:", "gcr.io/istio-release/proxyv2:"} {
			if strings.HasPrefix(c.Image, prefix) {
				return true
			}
		}
	}
	return false
}

// inject returns the pod with its proxy.
func (i *injection) inject() *corev1.Pod {
	p := i.pod.DeepCopy()
	if p.Annotations == nil {
		p.Annotations = map[string]string{}
	}
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	for _, key := range inherited {
		if v, ok := i.namespace.Annotations[key]; ok && p.Annotations[key] == "" {
			p.Annotations[key] = v
		}
	}
	i.opaquePorts(p)
	s := i.settings
	p.Annotations[annCreatedBy] = "linkerd/proxy-injector " + s.version()
	p.Annotations[annProxyVersion] = annotated(p, annConfig+"proxy-version", s.proxyVersion())
	p.Annotations[annTrustRoot] = hash(i.anchors)
	p.Labels[labelControlPlane] = s.namespace
	p.Labels[labelWorkloadNS] = i.namespace.Name
	if label := ownerLabel(i.owner.kind); label != "" {
		p.Labels[label] = i.owner.name
	}

	first := i.initContainer(p)
	if s.flag("cniEnabled", false) {
		first = i.networkValidator(p)
	} else {
		p.Spec.Volumes = append(p.Spec.Volumes, emptyDir("linkerd-proxy-init-xtables-lock", ""))
	}
	p.Spec.Volumes = append(p.Spec.Volumes, identityVolumes()...)

	proxy := i.proxy(p)
	switch {
	case nativeSidecar(p, s):
		always := corev1.ContainerRestartPolicyAlways
		proxy.RestartPolicy = &always
		if awaits(p, s) {
			proxy.StartupProbe = adminProbe(p, "/ready")
			proxy.StartupProbe.FailureThreshold = 120
			proxy.StartupProbe.PeriodSeconds = 1
		}
		p.Spec.InitContainers = append([]corev1.Container{first, proxy}, p.Spec.InitContainers...)
	case awaits(p, s):
		proxy.Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{
			Command: []string{"/usr/lib/linkerd/linkerd-await", "--timeout=2m", "--port=" + adminPort(p)}}}}
		p.Spec.InitContainers = append([]corev1.Container{first}, p.Spec.InitContainers...)
		p.Spec.Containers = append([]corev1.Container{proxy}, p.Spec.Containers...)
	default:
		p.Spec.InitContainers = append([]corev1.Container{first}, p.Spec.InitContainers...)
		p.Spec.Containers = append(p.Spec.Containers, proxy)
	}
	return p
}

// opaquePorts sets the annotation on pods that expose opaque ports, whether they get a proxy or not.
func (i *injection) opaquePorts(p *corev1.Pod) {
	if _, set := p.Annotations[annOpaquePorts]; set {
		return
	}
	if v, ok := i.namespace.Annotations[annOpaquePorts]; ok {
		p.Annotations[annOpaquePorts] = v
		return
	}
	var own []int32
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			own = append(own, port.ContainerPort)
		}
	}
	if v := intersectPorts(i.settings.opaquePorts(), own); v != "" {
		p.Annotations[annOpaquePorts] = v
	}
}

func ownerLabel(kind string) string {
	switch kind {
	case "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "CronJob":
		return labelOwnerPrefix + strings.ToLower(kind)
	}
	return ""
}

// nativeSidecar follows the annotation's three spellings, then the values.
func nativeSidecar(p *corev1.Pod, s settings) bool {
	for _, key := range []string{annNative, annNativeBeta, annNativeAlpha} {
		switch p.Annotations[key] {
		case "true", "enabled":
			return true
		case "false", "disabled":
			return false
		}
	}
	return s.flag("proxy.nativeSidecar", true)
}

func awaits(p *corev1.Pod, s settings) bool {
	switch p.Annotations[annConfig+"proxy-await"] {
	case "enabled":
		return true
	case "disabled":
		return false
	}
	return s.flag("proxy.await", true)
}

// annotated returns the pod's annotation or the fallback.
func annotated(p *corev1.Pod, key, fallback string) string {
	if v := p.Annotations[key]; v != "" {
		return v
	}
	return fallback
}
