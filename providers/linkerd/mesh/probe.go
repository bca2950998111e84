package mesh

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// probeInjector asks the API server to admit, without making it, a pod as a workload's restart would create it, and
// looks for the proxy in the answer. With failurePolicy Ignore a broken injector lets pods through without a word, so
// nothing but the answer proves that a restart would mesh anything. The probe carries annotations of its own, and the
// answer must carry those that are wanted, as far as the template does not set them itself.
func probeInjector(ctx context.Context, c *kube.Cluster, w *Workload, own, wanted map[string]string, patience time.Duration, step providers.Step) hcl.Diagnostics {
	injected := func(pod *corev1.Pod) bool {
		proxy, _ := proxyOf(pod)
		return proxy != nil && carries(pod.Annotations, wanted, w.Template.Annotations)
	}
	ok, ds := probe(ctx, c, w, own, injected, "waiting for the proxy injector to answer", patience, step)
	if ok || ds.HasErrors() {
		return ds
	}
	return hcl.Diagnostics{diag.Errorf(CodeNoInjector, "Injector does not answer",
		"A pod of %s in namespace %q was admitted without a proxy or without the settings asked for, so a restart would not mesh anything and was not begun. "+
			"Check that the proxy injector's pods are ready (data source linkerd_check), that its webhook configuration has a valid certificate, and that nothing excludes the namespace.",
		w.Name, w.Ref.Namespace)}
}

// probeRelease proves the opposite before pods are restarted to lose their proxies: the injector has seen that the namespace
// does not ask for them any more.
func probeRelease(ctx context.Context, c *kube.Cluster, w *Workload, patience time.Duration, step providers.Step) hcl.Diagnostics {
	bare := func(pod *corev1.Pod) bool {
		proxy, _ := proxyOf(pod)
		return proxy == nil
	}
	ok, ds := probe(ctx, c, w, nil, bare, "waiting for the proxy injector to let go of the namespace", patience, step)
	if ok || ds.HasErrors() {
		return ds
	}
	return hcl.Diagnostics{diag.Errorf(CodeStillMeshed, "Pods would get a proxy again",
		"%s after namespace %q stopped asking for proxies, a pod of %s was still admitted with one, so nothing was restarted. "+
			"Check that the proxy injector's pods are up to date with the cluster, and that nothing else injects proxies here, then apply again.",
		patience, w.Ref.Namespace, w.Name)}
}

// probe has a pod of a workload admitted without making it until the answer is good, and reports whether it became so. It tries
// again for up to patience, because a webhook takes some seconds to be known to every API server, and a changed namespace to
// be known to the injector.
func probe(ctx context.Context, c *kube.Cluster, w *Workload, own map[string]string, good func(*corev1.Pod) bool, message string, patience time.Duration, step providers.Step) (bool, hcl.Diagnostics) {
	probe, err := probePod(w, own)
	if err != nil {
		return false, diag.FromError(CodeNoInjector, "Injector cannot be probed", err, nil)
	}
	ref := kube.RefOf(probe)
	ref.Name = "(probe of " + w.Name + ")"
	deadline := time.Now().Add(patience)
	for {
		answer, err := c.CreateDryRun(ctx, probe)
		if err == nil {
			pod, cerr := convert[corev1.Pod](answer)
			if cerr != nil {
				return false, diag.FromError(CodeNoInjector, "Injector cannot be probed", cerr, nil)
			}
			if good(pod) {
				return true, nil
			}
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			if err != nil && overQuota(err) {
				return false, hcl.Diagnostics{diag.Errorf(CodeBlocked, "Workload cannot be restarted",
					"The namespace's quota leaves no room for one more pod of %s, which a restart needs and the trial of the injector too: %s. Nothing was restarted. Raise the quota, or free a pod, then apply again.", w.Name, diag.Scrub(err.Error()))}
			}
			if err != nil {
				return false, c.Diagnose(err, "create", ref)
			}
			return false, nil
		}
		step.Progress(providers.Progress{Message: message, Waiting: true})
		if !pause(ctx, time.Second) {
			return false, diag.FromError(CodeNoInjector, "Interrupted", context.Cause(ctx), nil)
		}
	}
}

// overQuota reports whether a pod was refused because the namespace's quota is used up. The server says so with the same
// reason as for missing rights.
func overQuota(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota")
}

// carries reports whether a pod has the wanted annotations, those that its template sets itself left out.
func carries(pod, wanted, template map[string]string) bool {
	for key, value := range wanted {
		if _, own := template[key]; !own && pod[key] != value {
			return false
		}
	}
	return true
}

func probePod(w *Workload, annotations map[string]string) (*unstructured.Unstructured, error) {
	pod := &corev1.Pod{ObjectMeta: *w.Template.ObjectMeta.DeepCopy(), Spec: *w.Template.Spec.DeepCopy()}
	pod.APIVersion, pod.Kind = "v1", "Pod"
	pod.Namespace, pod.Name, pod.GenerateName = w.Ref.Namespace, "", "meshplan-probe-"
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	maps.Copy(pod.Annotations, annotations)
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		return nil, fmt.Errorf("template of %s: %w", w.Name, err)
	}
	delete(object, "status")
	return &unstructured.Unstructured{Object: object}, nil
}

// pause waits and reports whether the context is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
