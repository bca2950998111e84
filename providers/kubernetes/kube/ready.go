package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// readiness is one look at an object. The zero value is "not ready yet".
type readiness struct {
	ready   bool
	failed  bool // waiting does not help
	message string
}

// WaitReady waits until all objects are ready. Step may be nil. An object that fails for good ends the wait at once, with the words of its pods.
func (c *Cluster) WaitReady(ctx context.Context, refs []Ref, o WaitOptions, step providers.Step) hcl.Diagnostics {
	if !o.Waits() {
		return nil
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultWaitTimeout
	}
	if o.Grace == 0 {
		o.Grace = 30 * time.Second
	}
	var slow []Ref
	for _, r := range refs {
		if !readyAtOnce(r.GroupKind()) || len(o.Conditions) > 0 || len(o.Fields) > 0 {
			slow = append(slow, r)
		}
	}
	slices.SortFunc(slow, CompareRef)
	w := waiting{step: step, total: len(slow)}
	found := make([]hcl.Diagnostics, len(slow))
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(readGets)
	for i, r := range slow {
		group.Go(func() error {
			found[i] = c.waitOne(limited, ctx, r, o, &w)
			if found[i].HasErrors() {
				cancel() // the others need not be waited for
			}
			return nil
		})
	}
	_ = group.Wait() // the functions report through found
	return firstCause(slices.Concat(found...))
}

// firstCause drops the interruptions that follow from another failure.
func firstCause(ds hcl.Diagnostics) hcl.Diagnostics {
	causes := slices.DeleteFunc(slices.Clone(ds), func(d *hcl.Diagnostic) bool { return d.Summary == "Interrupted" })
	if len(causes) > 0 {
		return causes
	}
	return ds[:min(len(ds), 1)]
}

// waiting counts what is ready.
type waiting struct {
	step  providers.Step
	mu    sync.Mutex // guards done
	done  int
	total int
}

func (w *waiting) say(ready bool, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ready {
		w.done++
	}
	if w.step != nil {
		w.step.Progress(providers.Progress{Message: diag.Scrub(fmt.Sprintf(format, args...)), Done: w.done, Total: w.total, Waiting: true})
	}
}

func (c *Cluster) waitOne(ctx, parent context.Context, r Ref, o WaitOptions, w *waiting) hcl.Diagnostics {
	var last readiness
	var said string
	var failingSince time.Time
	start := time.Now()
	var words []string
	err := c.observe(ctx, r, func(live *unstructured.Unstructured) (bool, error) {
		if live == nil {
			if r.GroupKind().String() == "Job.batch" && last.message != "" {
				return true, nil // a finished Job that cleaned itself up
			}
			last = readiness{failed: time.Since(start) > o.Grace, message: "the object does not exist"}
		} else {
			last = c.judge(ctx, live, o)
		}
		if !last.ready && !last.failed && live != nil && hasPods(r.GroupKind()) {
			words = c.podTrouble(ctx, live)
			switch {
			case len(words) == 0:
				failingSince = time.Time{}
			case failingSince.IsZero():
				failingSince = time.Now()
			case time.Since(failingSince) > o.Grace:
				last.failed = true
			}
		}
		if last.message != said || last.ready {
			said = last.message
			w.say(last.ready, "%s: %s", r, last.message)
		}
		if last.failed {
			return true, nil
		}
		return last.ready, nil
	})
	switch {
	case err == nil && last.ready:
		return nil
	case err == nil && last.failed:
		return hcl.Diagnostics{diag.Errorf(CodeFailed, "Object failed", "%s does not become ready: %s%s", r, sentence(diag.Scrub(last.message)), listWords(words))}
	case parent.Err() != nil:
		return c.Diagnose(parent.Err(), "wait for", r)
	case errors.Is(err, context.DeadlineExceeded):
		words = append(words, c.events(parent, r)...)
		return hcl.Diagnostics{diag.Errorf(CodeNotReady, "Object not ready in time", "%s is not ready after %s: %s%s The object is recorded; apply again to go on waiting, or raise `timeout`.",
			r, o.Timeout, sentence(diag.Scrub(last.message)), listWords(words))}
	case err == nil:
		return nil
	}
	return c.Diagnose(err, "wait for", r)
}

func listWords(words []string) string {
	if len(words) == 0 {
		return ""
	}
	const most = 5
	more := ""
	if len(words) > most {
		words, more = words[:most], fmt.Sprintf(" and %d more", len(words)-most)
	}
	return " " + sentence(diag.Scrub(strings.Join(words, "; ")+more))
}

// readyAtOnce lists kinds that are ready when they exist.
func readyAtOnce(gk schema.GroupKind) bool {
	switch gk.Group {
	case "rbac.authorization.k8s.io", "policy", "autoscaling", "networking.k8s.io", "scheduling.k8s.io", "storage.k8s.io":
		return true
	case "":
		switch gk.Kind {
		case "ConfigMap", "Secret", "ServiceAccount", "LimitRange", "ResourceQuota", "Endpoints":
			return true
		}
	case "batch":
		return gk.Kind == "CronJob"
	}
	return false
}

// judge looks at an object once.
func (c *Cluster) judge(ctx context.Context, u *unstructured.Unstructured, o WaitOptions) readiness {
	if u.GetDeletionTimestamp() != nil {
		return readiness{message: "it is being deleted"}
	}
	if o.Rollout {
		if r := c.rolledOut(ctx, u); !r.ready {
			return r
		}
	}
	for _, want := range o.Conditions {
		if r := conditionHolds(u, want); !r.ready {
			return r
		}
	}
	for _, want := range o.Fields {
		if r := fieldHolds(u, want); !r.ready {
			return r
		}
	}
	return readiness{ready: true, message: "ready"}
}

// observedStale reports whether the controller has not looked at the present generation yet. A status that counts otherwise is
// ignored.
func observedStale(u *unstructured.Unstructured) bool {
	seen, found, err := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	return err == nil && found && seen < u.GetGeneration()
}

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
			return readiness{message: "pods cannot be created: " + messageOf(u, "ReplicaFailure")}
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
	result, err := status.Compute(u)
	switch {
	case err != nil:
		return readiness{message: err.Error()}
	case result.Status == status.FailedStatus:
		return readiness{failed: true, message: result.Message}
	}
	return readiness{ready: result.Status == status.CurrentStatus, message: result.Message}
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
