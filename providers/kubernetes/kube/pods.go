package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	podKind        = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	replicaSetKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}
)

// hasPods lists the kinds whose readiness is that of pods.
func hasPods(gk schema.GroupKind) bool {
	switch gk.String() {
	case "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "Job.batch", "Pod":
		return true
	}
	return false
}

// Pods returns the pods that belong to a workload by their chain of owner references, in order of name. Pods that are
// terminating are included, finished ones (Succeeded, Failed) are not. A workload that does not exist has none.
func (c *Cluster) Pods(ctx context.Context, workload Ref) ([]*unstructured.Unstructured, error) {
	live, err := c.Get(ctx, workload)
	if err != nil || live == nil {
		return nil, err
	}
	return c.podsOf(ctx, live)
}

func (c *Cluster) podsOf(ctx context.Context, live *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	if live.GetKind() == "Pod" {
		return []*unstructured.Unstructured{live}, nil
	}
	selector, err := selectorOf(live)
	if err != nil {
		return nil, err
	}
	owners := map[string]bool{string(live.GetUID()): true}
	o := ListOptions{Namespace: live.GetNamespace(), Labels: selector}
	if live.GroupVersionKind().GroupKind().String() == "Deployment.apps" {
		sets, err := c.ListMetadata(ctx, replicaSetKind, o)
		if err != nil {
			return nil, err
		}
		for _, s := range sets {
			if ownedBy(s.OwnerReferences, owners) {
				owners[string(s.UID)] = true
			}
		}
	}
	pods, err := c.List(ctx, podKind, o)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pods, func(p *unstructured.Unstructured) bool {
		phase, _, _ := unstructured.NestedString(p.Object, "status", "phase")
		return !ownedBy(p.GetOwnerReferences(), owners) || phase == "Succeeded" || phase == "Failed"
	}), nil
}

func ownedBy(refs []metav1.OwnerReference, owners map[string]bool) bool {
	return slices.ContainsFunc(refs, func(r metav1.OwnerReference) bool { return owners[string(r.UID)] })
}

// selectorOf returns the pod selector of a workload as a label selector.
func selectorOf(u *unstructured.Unstructured) (string, error) {
	raw, found, err := unstructured.NestedMap(u.Object, "spec", "selector")
	if err != nil || !found {
		return "", fmt.Errorf("%s has no pod selector", RefOf(u))
	}
	var s metav1.LabelSelector
	if err := toTyped(&unstructured.Unstructured{Object: raw}, &s); err != nil {
		return "", err
	}
	selector, err := metav1.LabelSelectorAsSelector(&s)
	if err != nil {
		return "", err
	}
	return selector.String(), nil
}

// podTrouble says, in the pods' own words, why the pods of a workload do not run: images that cannot be pulled,
// crashes, missing configuration, no room. None when there is no trouble, or when pods cannot be read.
func (c *Cluster) podTrouble(ctx context.Context, live *unstructured.Unstructured) []string {
	if _, _, err := unstructured.NestedMap(live.Object, "spec", "selector"); err != nil {
		return nil
	}
	pods, err := c.podsOf(ctx, live)
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range pods {
		if p.GetDeletionTimestamp() != nil {
			continue
		}
		if text := troubleOf(p); text != "" {
			out = append(out, "pod "+p.GetName()+": "+text)
		}
	}
	return out
}

// troubleOf returns the reason why a pod does not run, or "".
func troubleOf(pod *unstructured.Unstructured) string {
	for _, field := range []string{"initContainerStatuses", "containerStatuses"} {
		containers, _, _ := unstructured.NestedSlice(pod.Object, "status", field)
		for _, e := range containers {
			m, _ := e.(map[string]any)
			reason, _, _ := unstructured.NestedString(m, "state", "waiting", "reason")
			message, _, _ := unstructured.NestedString(m, "state", "waiting", "message")
			switch reason {
			case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
				text := fmt.Sprintf("container %v: %s", m["name"], strings.TrimSpace(reason+" "+message))
				if why, _, _ := unstructured.NestedString(m, "lastState", "terminated", "reason"); why != "" {
					code, _, _ := unstructured.NestedInt64(m, "lastState", "terminated", "exitCode")
					text += fmt.Sprintf(" (last exit: %s, code %d)", why, code)
				}
				return text
			}
		}
	}
	for _, c := range conditionsOf(pod) {
		if c.Type == "PodScheduled" && c.Status == "False" && c.Reason == "Unschedulable" {
			return "Unschedulable: " + c.Message
		}
	}
	return ""
}

// events returns the last warnings about an object, newest first; none when they cannot be read.
func (c *Cluster) events(ctx context.Context, r Ref) []string {
	if ctx.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	namespace := r.Namespace
	if namespace == "" {
		namespace = DefaultNamespace
	}
	list, err := c.List(ctx, schema.GroupVersionKind{Version: "v1", Kind: "Event"}, ListOptions{Namespace: namespace,
		Fields: fmt.Sprintf("involvedObject.name=%s,involvedObject.kind=%s,type=Warning", r.Name, r.Kind)})
	if err != nil {
		return nil
	}
	slices.SortFunc(list, func(a, b *unstructured.Unstructured) int {
		x, _, _ := unstructured.NestedString(a.Object, "lastTimestamp")
		y, _, _ := unstructured.NestedString(b.Object, "lastTimestamp")
		return strings.Compare(y, x)
	})
	var out []string
	for _, e := range list[:min(len(list), 3)] {
		out = append(out, fmt.Sprintf("event %v: %v", e.Object["reason"], e.Object["message"]))
	}
	return out
}
