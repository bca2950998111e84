package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// Restart asks for one workload to be restarted.
type Restart struct {
	Workload Ref
	// Token is what the pods' annotation AnnotationRestart will say. The same token again restarts nothing.
	Token string
	// Manager is the field manager that owns the annotation; InstanceManager makes one.
	Manager string
	// Drain also waits until no pod without the token is left, terminating ones included: an old pod that is still
	// going away still sends.
	Drain   bool
	Timeout time.Duration // 0 means DefaultWaitTimeout
	// Progress is called with the number of pods that are done, and may be nil.
	Progress func(done, total int)
}

// CheckRestart reports why a workload cannot be restarted by a change of its template.
func CheckRestart(live *unstructured.Unstructured) hcl.Diagnostics {
	r := RefOf(live)
	strategy, _, _ := unstructured.NestedString(live.Object, "spec", "updateStrategy", "type")
	paused, _, _ := unstructured.NestedBool(live.Object, "spec", "paused")
	switch {
	case r.Group != "apps" || r.Kind != "Deployment" && r.Kind != "StatefulSet" && r.Kind != "DaemonSet":
		return hcl.Diagnostics{diag.Errorf(CodeRestart, "Not a workload", "%s is not a Deployment, StatefulSet or DaemonSet: it has no template from which pods could be made again.", r)}
	case paused:
		return hcl.Diagnostics{diag.Errorf(CodeRestart, "Workload is paused", "%s is paused, so its pods would stay as they are. Run `kubectl rollout resume` first.", r)}
	case strategy == "OnDelete":
		return hcl.Diagnostics{diag.Errorf(CodeRestart, "Workload restarts by hand", "%s has updateStrategy OnDelete: its pods change only when somebody deletes them. Set RollingUpdate, or delete the pods.", r)}
	}
	return nil
}

// RestartWorkload restarts a Deployment, StatefulSet or DaemonSet by one annotation of its pod template and proves it
// at the pods: as many as wanted carry the token and are ready. It is idempotent and survives a kill. Step may be
// nil; the slot is given back before the wait.
func (c *Cluster) RestartWorkload(ctx context.Context, r Restart, step providers.Step) hcl.Diagnostics {
	live, err := c.Get(ctx, r.Workload)
	if err != nil {
		return c.Diagnose(err, "get", r.Workload)
	}
	if live == nil {
		return hcl.Diagnostics{diag.Errorf(CodeGone, "Workload does not exist", "%s does not exist, so there is nothing to restart.", r.Workload)}
	}
	if ds := CheckRestart(live); ds.HasErrors() {
		return ds
	}
	body := r.Workload.object()
	body.SetUID(live.GetUID())
	if err := unstructured.SetNestedField(body.Object, r.Token, "spec", "template", "metadata", "annotations", AnnotationRestart); err != nil {
		return diag.FromError(CodeRequest, "Restart failed", err, nil)
	}
	applied, _, err := c.applyPatiently(ctx, body, ApplyOptions{Manager: r.Manager, Force: true})
	if err != nil {
		return c.Diagnose(err, "patch", r.Workload)
	}
	if step != nil {
		step.Release()
	}
	return c.awaitRestart(ctx, r, applied.GetGeneration(), step)
}

// awaitRestart waits for the controller and then for the pods.
func (c *Cluster) awaitRestart(ctx context.Context, r Restart, generation int64, step providers.Step) hcl.Diagnostics {
	if r.Timeout == 0 {
		r.Timeout = DefaultWaitTimeout
	}
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	var last restartCount
	var words []string
	failed, said := "", ""
	var failingSince time.Time
	err := c.observe(limited, r.Workload, func(live *unstructured.Unstructured) (bool, error) {
		if live == nil {
			failed = "the workload was deleted"
			return true, nil
		}
		controller := c.rolledOut(limited, live)
		pods, err := c.podsOf(limited, live)
		if err != nil {
			return false, err
		}
		last = countRestarted(live, pods, r.Token)
		if r.Progress != nil {
			r.Progress(last.done, last.total)
		}
		if text := last.String(); step != nil && text != said {
			said = text
			step.Progress(providers.Progress{Message: fmt.Sprintf("%s: %s", r.Workload, text), Done: last.done, Total: last.total, Waiting: true})
		}
		seen, _, _ := unstructured.NestedInt64(live.Object, "status", "observedGeneration")
		if seen >= generation && last.complete(r.Drain) && controller.ready {
			return true, nil
		}
		words = c.podTrouble(limited, live)
		switch {
		case controller.failed:
			failed = controller.message
		case len(words) == 0:
			failingSince = time.Time{}
		case failingSince.IsZero():
			failingSince = time.Now()
		case time.Since(failingSince) > 30*time.Second:
			failed = "new pods do not run"
		}
		return failed != "", nil
	})
	switch {
	case failed != "":
		return hcl.Diagnostics{diag.Errorf(CodeFailed, "Restart failed", "%s: %s%s", r.Workload, sentence(diag.Scrub(failed)), listWords(words))}
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return c.Diagnose(ctx.Err(), "restart", r.Workload)
	case errors.Is(err, context.DeadlineExceeded):
		return hcl.Diagnostics{diag.Errorf(CodeNotReady, "Restart not complete in time", "%s: after %s, %s.%s Apply again to go on waiting: pods that are done are not restarted again.", r.Workload, r.Timeout, last, listWords(words))}
	}
	return c.Diagnose(err, "get", r.Workload)
}

// restartCount is how far a restart is.
type restartCount struct{ done, total, old int }

func (n restartCount) String() string {
	text := fmt.Sprintf("%d of %d pods restarted", n.done, n.total)
	if n.old > 0 {
		text += fmt.Sprintf(", %d old ones left", n.old)
	}
	return text
}

func (n restartCount) complete(drain bool) bool { return n.done == n.total && (!drain || n.old == 0) }

// countRestarted counts the pods that carry the token and are ready, and those that do not carry it.
func countRestarted(live *unstructured.Unstructured, pods []*unstructured.Unstructured, token string) restartCount {
	n := restartCount{}
	want, found, _ := unstructured.NestedInt64(live.Object, "spec", "replicas")
	if live.GetKind() == "DaemonSet" {
		want, _, _ = unstructured.NestedInt64(live.Object, "status", "desiredNumberScheduled")
	} else if !found {
		want = 1
	}
	n.total = int(want)
	for _, p := range pods {
		switch {
		case p.GetAnnotations()[AnnotationRestart] != token:
			n.old++
		case p.GetDeletionTimestamp() == nil && conditionHolds(p, WaitCondition{Type: "Ready"}).ready:
			n.done++
		}
	}
	n.done = min(n.done, n.total)
	return n
}
