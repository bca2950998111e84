package kube

import (
	"context"
	"fmt"
	"slices"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// rolledOut is the kind's own readiness: kstatus, and what it does not know.
func (c *Cluster) rolledOut(ctx context.Context, u *unstructured.Unstructured) readiness {
	spec, _ := u.Object["spec"].(map[string]any)
	state, _ := u.Object["status"].(map[string]any)
	switch gk := u.GroupVersionKind().GroupKind(); gk.String() {
	case "Deployment.apps":
		if spec["paused"] == true {
			return readiness{failed: true, message: "the Deployment is paused, so nothing rolls out; resume it"}
		}
		if r := conditionHolds(u, WaitCondition{"ReplicaFailure", "True"}); r.ready {
			return readiness{stuck: true, message: "pods cannot be created: " + messageOf(u, "ReplicaFailure")}
		}
		if c, ok := findCondition(u, "Progressing"); ok && c.Reason == "ProgressDeadlineExceeded" && !observedStale(u) {
			return readiness{failed: true, message: c.Message}
		}
	case "StatefulSet.apps":
		if strategy, _, _ := unstructured.NestedString(u.Object, "spec", "updateStrategy", "type"); strategy != "OnDelete" && state != nil && !observedStale(u) {
			partition, _, _ := unstructured.NestedInt64(u.Object, "spec", "updateStrategy", "rollingUpdate", "partition")
			if partition == 0 && state["updateRevision"] != nil && state["currentRevision"] != state["updateRevision"] && !equal(spec["replicas"], int64(0)) {
				return readiness{message: "pods still run the former revision"}
			}
		}
	case "Job.batch":
		if r := conditionHolds(u, WaitCondition{"Failed", "True"}); r.ready {
			return readiness{failed: true, message: "the Job failed: " + messageOf(u, "Failed")}
		}
		r := conditionHolds(u, WaitCondition{"Complete", "True"})
		if !r.ready {
			r.message = "the Job has not completed"
		}
		return r
	case "Pod":
		phase, _ := state["phase"].(string)
		if phase == "Failed" {
			return readiness{failed: true, message: "the pod failed"}
		}
		if phase == "Succeeded" {
			return readiness{ready: true, message: "succeeded"}
		}
		return conditionHolds(u, WaitCondition{"Ready", "True"})
	case "Namespace":
		phase, _ := state["phase"].(string)
		return readiness{ready: phase == "Active", message: "phase " + phase}
	case "Service":
		return serviceReady(spec, state)
	case "PersistentVolumeClaim":
		return c.claimReady(ctx, u, spec, state)
	case crdKind.String():
		return c.crdReady(ctx, u)
	case "APIService.apiregistration.k8s.io":
		return conditionHolds(u, WaitCondition{"Available", "True"})
	case "MutatingWebhookConfiguration.admissionregistration.k8s.io", "ValidatingWebhookConfiguration.admissionregistration.k8s.io":
		return c.webhooksReady(ctx, u)
	}
	if observedStale(u) {
		return readiness{message: "the controller has not seen the change yet"}
	}
	result, err := status.Compute(countable(u))
	switch {
	case err != nil:
		return readiness{message: err.Error()}
	case result.Status == status.FailedStatus:
		return readiness{failed: true, message: result.Message}
	}
	return readiness{ready: result.Status == status.CurrentStatus, message: result.Message}
}

// countable returns the object without an observedGeneration that is not a number: some controllers write a text, which
// says nothing that could be compared.
func countable(u *unstructured.Unstructured) *unstructured.Unstructured {
	seen, found, _ := unstructured.NestedFieldNoCopy(u.Object, "status", "observedGeneration")
	if _, ok := seen.(int64); ok || !found {
		return u
	}
	out := u.DeepCopy()
	unstructured.RemoveNestedField(out.Object, "status", "observedGeneration")
	return out
}

func serviceReady(spec, state map[string]any) readiness {
	switch spec["type"] {
	case "ExternalName":
	case "LoadBalancer":
		ingress, _, _ := unstructured.NestedSlice(state, "loadBalancer", "ingress")
		external, _ := spec["externalIPs"].([]any)
		if len(ingress) == 0 && len(external) == 0 {
			return readiness{message: "the load balancer has no address yet"}
		}
	default:
		if spec["clusterIP"] == nil || spec["clusterIP"] == "" {
			return readiness{message: "no cluster IP yet"}
		}
	}
	return readiness{ready: true, message: "ready"}
}

func (c *Cluster) claimReady(ctx context.Context, u *unstructured.Unstructured, spec, state map[string]any) readiness {
	switch state["phase"] {
	case "Bound":
		return readiness{ready: true, message: "bound"}
	case "Lost":
		return readiness{failed: true, message: "the volume of the claim is lost"}
	}
	if name, _ := spec["storageClassName"].(string); name != "" {
		class, err := c.Get(ctx, Ref{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass", Name: name})
		if err == nil && class != nil && class.Object["volumeBindingMode"] == "WaitForFirstConsumer" {
			return readiness{ready: true, message: "bound when the first pod uses it"}
		}
	}
	return readiness{message: "not bound to a volume yet"}
}

func (c *Cluster) crdReady(ctx context.Context, u *unstructured.Unstructured) readiness {
	if names, ok := findCondition(u, "NamesAccepted"); ok && names.Status == "False" {
		return readiness{failed: true, message: "its names are not accepted: " + names.Message}
	}
	if r := conditionHolds(u, WaitCondition{"Established", "True"}); !r.ready {
		return r
	}
	versions, _, _ := unstructured.NestedSlice(u.Object, "spec", "versions")
	for _, v := range versions {
		m, ok := v.(map[string]any)
		if !ok || m["served"] != true {
			continue
		}
		name, _ := m["name"].(string)
		if _, ok, err := c.served(ctx, crdServes(u).WithVersion(name)); err != nil || !ok {
			return readiness{message: "version " + name + " is not served yet"}
		}
	}
	return readiness{ready: true, message: "established and served"}
}

// webhooksReady looks behind a webhook configuration: somebody must answer, and the API server must trust the answer.
func (c *Cluster) webhooksReady(ctx context.Context, u *unstructured.Unstructured) readiness {
	hooks, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
	for _, h := range hooks {
		hook, _ := h.(map[string]any)
		namespace, _, _ := unstructured.NestedString(hook, "clientConfig", "service", "namespace")
		name, found, _ := unstructured.NestedString(hook, "clientConfig", "service", "name")
		if !found {
			continue
		}
		if bundle, _, _ := unstructured.NestedString(hook, "clientConfig", "caBundle"); bundle == "" {
			return readiness{message: fmt.Sprintf("webhook %v has no CA bundle yet", hook["name"])}
		}
		endpoints, err := c.List(ctx, schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"},
			ListOptions{Namespace: namespace, Labels: "kubernetes.io/service-name=" + name})
		if err != nil {
			return readiness{message: fmt.Sprintf("the endpoints of Service %s/%s cannot be read: %v", namespace, name, err)}
		}
		if !slices.ContainsFunc(endpoints, hasReadyEndpoint) {
			return readiness{message: fmt.Sprintf("Service %s/%s behind webhook %v has no ready endpoint", namespace, name, hook["name"])}
		}
	}
	return readiness{ready: true, message: "ready"}
}

func hasReadyEndpoint(u *unstructured.Unstructured) bool {
	endpoints, _, _ := unstructured.NestedSlice(u.Object, "endpoints")
	return slices.ContainsFunc(endpoints, func(e any) bool {
		m, _ := e.(map[string]any)
		ready, found, _ := unstructured.NestedBool(m, "conditions", "ready")
		return ready || !found
	})
}
