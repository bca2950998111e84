package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

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
	stuck   bool // waiting helps only if it passes soon
	message string
}

// WaitReady waits until all objects are ready. Step may be nil. An object that fails for good ends the wait at once,
// with the words of its pods.
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
			case len(words) == 0 && !last.stuck:
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
		// The content of a namespace can only wait for the end of it.
		return readiness{failed: u.GetKind() == "Namespace" && u.GroupVersionKind().Group == "", message: "it is being deleted" + holders(u)}
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

// observedStale reports whether the controller has not looked at the present generation yet. A status that counts
// otherwise is ignored.
func observedStale(u *unstructured.Unstructured) bool {
	seen, found, err := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	return err == nil && found && seen < u.GetGeneration()
}
