package mesh

import (
	"context"
	"encoding/json"
	"maps"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
)

// injector stands in for the proxy injector.
type injector struct {
	world  *world
	events record.EventRecorder
	lag    lag
}

func (in *injector) review(ctx context.Context, controlPlane string, r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	s, err := in.world.settingsOf(controlPlane)
	if err != nil {
		return denied("%v", err)
	}
	namespace, err := in.world.namespaces.Get(r.Namespace)
	if err != nil {
		if namespace, err = in.world.client.CoreV1().Namespaces().Get(ctx, r.Namespace, metav1.GetOptions{}); err != nil {
			return denied("%v", err)
		}
	}
	switch r.Kind.Kind {
	case "Pod":
		return in.pod(ctx, s, namespace, r)
	case "Service":
		return service(s, namespace, r)
	}
	return allowed()
}

func (in *injector) pod(ctx context.Context, s settings, namespace *corev1.Namespace, r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	var pod corev1.Pod
	if err := json.Unmarshal(r.Object.Raw, &pod); err != nil {
		return denied("%v", err)
	}
	dryRun := r.DryRun != nil && *r.DryRun
	i := &injection{
		settings: s, namespace: in.lag.view(namespace, dryRun), pod: &pod,
		anchors: in.world.configMapKey(s.namespace, configMapAnchors, keyAnchors),
		owner:   in.ownerOf(ctx, namespace.Name, &pod),
	}
	if reason := i.skip(); reason != "" {
		if !dryRun {
			in.event(namespace.Name, i.owner, "InjectionSkipped", "Linkerd sidecar proxy injection skipped: "+reason)
		}
		skipped := pod.DeepCopy()
		if skipped.Annotations == nil {
			skipped.Annotations = map[string]string{}
		}
		i.opaquePorts(skipped)
		if maps.Equal(skipped.Annotations, pod.Annotations) {
			return allowed()
		}
		return patched(map[string]any{"/metadata/annotations": skipped.Annotations})
	}
	out := i.inject()
	if !dryRun {
		in.event(namespace.Name, i.owner, "Injected", "Linkerd sidecar proxy injected")
	}
	return patched(map[string]any{
		"/metadata/annotations": out.Annotations,
		"/metadata/labels":      out.Labels,
		"/spec/initContainers":  out.Spec.InitContainers,
		"/spec/containers":      out.Spec.Containers,
		"/spec/volumes":         out.Spec.Volumes,
	})
}

// service gives a new Service the annotation for its opaque ports.
func service(s settings, namespace *corev1.Namespace, r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	var svc corev1.Service
	if err := json.Unmarshal(r.Object.Raw, &svc); err != nil {
		return denied("%v", err)
	}
	if _, set := svc.Annotations[annOpaquePorts]; set {
		return allowed()
	}
	value, ok := namespace.Annotations[annOpaquePorts]
	if !ok {
		var ports []int32
		for _, p := range svc.Spec.Ports {
			ports = append(ports, p.Port)
			if t := p.TargetPort.IntVal; t != 0 && t != p.Port {
				ports = append(ports, t)
			}
		}
		value = intersectPorts(s.opaquePorts(), ports)
	}
	if value == "" {
		return allowed()
	}
	annotations := map[string]string{annOpaquePorts: value}
	for k, v := range svc.Annotations {
		annotations[k] = v
	}
	return patched(map[string]any{"/metadata/annotations": annotations})
}

// ownerOf follows the pod's controllers to the last one.
func (in *injector) ownerOf(ctx context.Context, namespace string, pod *corev1.Pod) owner {
	ref := metav1.GetControllerOf(pod)
	if ref == nil {
		return owner{"v1", "Pod", pod.Name, ""}
	}
	var up *metav1.OwnerReference
	switch ref.Kind {
	case "ReplicaSet":
		if rs, err := in.world.client.AppsV1().ReplicaSets(namespace).Get(ctx, ref.Name, metav1.GetOptions{}); err == nil {
			up = metav1.GetControllerOf(rs)
		}
	case "Job":
		if job, err := in.world.client.BatchV1().Jobs(namespace).Get(ctx, ref.Name, metav1.GetOptions{}); err == nil {
			up = metav1.GetControllerOf(job)
		}
	}
	if up != nil {
		ref = up
	}
	return owner{ref.APIVersion, ref.Kind, ref.Name, string(ref.UID)}
}

// event records an event on the owner. Bare pods have none yet: they do not exist when they are admitted.
func (in *injector) event(namespace string, o owner, reason, message string) {
	if o.uid == "" {
		return
	}
	in.events.Event(&corev1.ObjectReference{
		APIVersion: o.apiVersion, Kind: o.kind, Name: o.name, Namespace: namespace, UID: types.UID(o.uid),
	}, corev1.EventTypeNormal, reason, message)
}
