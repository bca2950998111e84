package certs

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// reloadInterval is how often the identity controller is asked whether it uses a new issuer.
const reloadInterval = 2 * time.Second

// identity is the identity controller as it was before a new issuer was written: its pods and how often it had spoken of
// its issuer. What is new against it was said about the new issuer; no clock is compared.
type identity struct {
	cluster   *kube.Cluster
	namespace string
	present   bool
	pods      map[string]bool  // by UID
	events    map[string]int64 // occurrences by UID
	ttl       *ttl             // nil when the pods' own figures cannot tell the issuers apart
}

// watchIdentity notes the state before a write.
func watchIdentity(ctx context.Context, c *kube.Cluster, namespace string) (*identity, hcl.Diagnostics) {
	i := &identity{cluster: c, namespace: namespace, pods: map[string]bool{}, events: map[string]int64{}}
	r := identityRef(namespace)
	u, err := c.Get(ctx, r)
	if err != nil {
		return nil, c.Diagnose(err, "get", r)
	}
	if u == nil {
		return i, nil
	}
	if n, found, _ := unstructured.NestedInt64(u.Object, "spec", "replicas"); found && n == 0 {
		return i, nil
	}
	i.present = true
	pods, ds := i.running(ctx)
	if ds.HasErrors() {
		return nil, ds
	}
	for _, p := range pods {
		i.pods[string(p.GetUID())] = true
	}
	events, ds := i.said(ctx)
	for _, e := range events {
		i.events[e.uid] = e.count
	}
	return i, ds
}

func (i *identity) running(ctx context.Context) ([]*unstructured.Unstructured, hcl.Diagnostics) {
	pods, err := identityPods(ctx, i.cluster, i.namespace)
	if err != nil {
		return nil, i.cluster.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Pod", Namespace: i.namespace})
	}
	return pods, nil
}

func (i *identity) said(ctx context.Context) ([]remark, hcl.Diagnostics) {
	out, err := remarks(ctx, i.cluster, i.namespace)
	if err != nil {
		return nil, i.cluster.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Event", Namespace: i.namespace})
	}
	return out, nil
}

// loaded reports whether every pod uses the new issuer: each has said so, or was started after the write. A refusal
// is an error in the diagnostics.
func (i *identity) loaded(ctx context.Context) (done, total int, ds hcl.Diagnostics) {
	events, ds := i.said(ctx)
	if ds.HasErrors() {
		return 0, 0, ds
	}
	var updates int
	for _, e := range events {
		news := e.count - i.events[e.uid]
		switch {
		case news <= 0:
		case e.reason == eventUpdated:
			updates += int(news)
		default:
			return 0, 0, hcl.Diagnostics{diag.Errorf(CodeIssuerRefused, "Identity controller refuses the issuer",
				"The %s goes on with the former issuer and says %s: %s", identityRef(i.namespace), e.reason, diag.Scrub(e.message))}
		}
	}
	pods, ds := i.running(ctx)
	var old int
	for _, p := range pods {
		if i.pods[string(p.GetUID())] {
			old++
		}
	}
	if done = len(pods) - max(0, old-updates); done < len(pods) && i.ttl.all(ctx, pods) {
		done = len(pods) // a controller that loaded it before we looked says nothing again
	}
	return done, len(pods), ds
}

// stillOld fails when a controller that has just been restarted goes on with the former issuer: restarting it again would
// not help.
func (i *identity) stillOld(ctx context.Context) hcl.Diagnostics {
	pods, ds := i.running(ctx)
	if ds.HasErrors() {
		return ds
	}
	if old := i.ttl.old(ctx, pods); len(old) > 0 {
		return hcl.Diagnostics{diag.Errorf(CodeIssuerRefused, "Identity controller refuses the issuer",
			"After a restart %s still report the former issuer (%s). Look at the logs of the %s and at what it mounts.", some(old), metrics.IssuerTTL, identityRef(i.namespace))}
	}
	return nil
}

// awaitReload waits until the identity controller uses the new issuer. When it does not say so in time it is restarted,
// once: it sometimes misses a change of its files, and a pod that starts reads them.
func (i *identity) awaitReload(ctx context.Context, token string, timeout time.Duration, step providers.Step) hcl.Diagnostics {
	if !i.present {
		return nil
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(reloadInterval)
	defer tick.Stop()
	for {
		done, total, ds := i.loaded(ctx)
		if ds.HasErrors() {
			return ds
		}
		if total > 0 && done >= total {
			return nil
		}
		if step != nil {
			step.Progress(providers.Progress{Message: "identity controller loads the issuer", Done: done, Total: total, Waiting: true})
		}
		select {
		case <-ctx.Done():
			return diag.FromError(kube.CodeNotReady, "Issuer not loaded yet", ctx.Err(), nil)
		case <-tick.C:
		case <-deadline.C:
			progress(step, fmt.Sprintf("no word from the identity controller in %s: restarting it", timeout))
			ds := i.cluster.RestartWorkload(ctx, kube.Restart{
				Workload: identityRef(i.namespace), Token: token[:16], Manager: "meshplan/issuer-reload", Drain: true,
			}, step)
			if ds.HasErrors() {
				return ds
			}
			return append(ds, i.stillOld(ctx)...)
		}
	}
}
