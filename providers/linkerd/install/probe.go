package install

import (
	"context"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// annotationTrustRoot is where the injector says which trust anchors it hands out.
const annotationTrustRoot = "linkerd.io/trust-root-sha256"

// probe asks the API server to admit, without making it, a pod that wants a proxy, and looks for the proxy in the
// answer. It proves at once that the injector runs, that the API server accepts its certificate, and that it hands
// out the present trust anchors. Replicas learn of new anchors at different times, so several answers in a row must
// agree.
func (t *controlPlane) probe(ctx context.Context, config cty.Value, patience time.Duration, step providers.Step) hcl.Diagnostics {
	const inARow = 3
	c := t.env.Cluster()
	pod := probePod(schema.Text(config.GetAttr("probe_namespace")))
	timer := time.NewTimer(max(patience, 5*time.Second))
	defer timer.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for good := 0; ; {
		why, err := t.ask(ctx, c, pod)
		switch {
		case apierrors.IsForbidden(err):
			return hcl.Diagnostics{diag.Warningf(CodeNoInjector, "Injector cannot be proved",
				"The API server does not allow a probe pod in namespace %q (%s). Set probe_namespace to a namespace where pods may be created.", pod.GetNamespace(), scrub(err.Error()))}
		case err != nil:
			good, why = 0, scrub(err.Error())
		case why != "":
			good = 0
		default:
			if good++; good >= inARow {
				return nil
			}
			continue
		}
		if step != nil {
			step.Progress(providers.Progress{Message: "waiting for the proxy injector: " + why, Waiting: true})
		}
		select {
		case <-ctx.Done():
			return diag.FromError(kube.CodeNotReady, "Injector not proved yet", context.Cause(ctx), nil)
		case <-timer.C:
			return hcl.Diagnostics{diag.Errorf(CodeNoInjector, "Injector does not answer",
				"A pod with linkerd.io/inject=enabled, asked for in namespace %q and not created, was not injected: %s. Look at the pods and logs of linkerd-proxy-injector; "+
					"on private clusters the API server must reach port 8443 of its pods.", pod.GetNamespace(), why)}
		case <-tick.C:
		}
	}
}

// ask makes one attempt and says what was wrong with the answer.
func (t *controlPlane) ask(ctx context.Context, c *kube.Cluster, pod *unstructured.Unstructured) (string, error) {
	answer, err := c.CreateDryRun(ctx, pod)
	if err != nil {
		return "", err
	}
	p, ok := convert[corev1.Pod](answer)
	if !ok {
		return "the answer is not a pod", nil
	}
	if k, _ := proxy(p); k == nil {
		return "the pod was admitted without a proxy", nil
	}
	roots, err := c.Get(ctx, kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: t.env.Namespace(), Name: certs.TrustRootsName})
	if err != nil || roots == nil {
		return "", err
	}
	bundle, _, _ := unstructured.NestedString(roots.Object, "data", certs.TrustRootsKey)
	if have := p.Annotations[annotationTrustRoot]; have != "" && have != pki.TrustRootSHA256(bundle) {
		return "it still hands out former trust anchors", nil
	}
	return "", nil
}

// probePod is the smallest pod that every admission policy lets through.
func probePod(namespace string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{
			"generateName": "meshplan-probe-", "namespace": namespace, "annotations": map[string]any{"linkerd.io/inject": "enabled"},
		},
		"spec": map[string]any{
			"automountServiceAccountToken": false,
			"securityContext":              map[string]any{"runAsNonRoot": true, "runAsUser": int64(65534), "seccompProfile": map[string]any{"type": "RuntimeDefault"}},
			"containers": []any{map[string]any{
				"name": "probe", "image": "registry.k8s.io/pause:3.10",
				"securityContext": map[string]any{"allowPrivilegeEscalation": false, "capabilities": map[string]any{"drop": []any{"ALL"}}},
				"resources":       map[string]any{"requests": map[string]any{"cpu": "1m", "memory": "1Mi"}, "limits": map[string]any{"cpu": "10m", "memory": "10Mi"}},
			}},
		},
	}}
}
