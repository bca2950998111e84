package kube_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// tenKinds are objects of which a namespace can hold many.
var tenKinds = []string{
	`{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: NS}, data: {k: v}}`,
	`{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: NS}, stringData: {k: v}}`,
	`{apiVersion: v1, kind: ServiceAccount, metadata: {name: NAME, namespace: NS}}`,
	`{apiVersion: v1, kind: LimitRange, metadata: {name: NAME, namespace: NS}, spec: {limits: [{type: Pod, max: {cpu: 1000m}}]}}`,
	`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: NAME, namespace: NS}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}`,
	`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: NAME, namespace: NS}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}, subjects: []}`,
	`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: NAME, namespace: NS}, spec: {podSelector: {}, policyTypes: [Ingress]}}`,
	`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: NAME, namespace: NS}, spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}}`,
	`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: NAME, namespace: NS}, spec: {selector: {matchLabels: {app: NAME}}, maxUnavailable: 1}}`,
	`{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: NAME, namespace: NS}, spec: {holderIdentity: NAME}}`,
}

// TestUnchangedWorldNeedsNoRequestPerObject counts what an empty plan of objects of ten kinds costs: two requests for
// discovery and a LIST for each page of each kind.
func TestUnchangedWorldNeedsNoRequestPerObject(t *testing.T) {
	r := newRig(t)
	const each = 500 // 5,000 in all
	var want []kube.Desired
	for _, text := range tenKinds {
		for i := range each {
			want = append(want, r.objects(strings.ReplaceAll(text, "NAME", fmt.Sprintf("n%d", i)))...)
		}
	}
	out, ds := r.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Desired: want})
	must(t, ds)
	if len(out.Record.Objects) != len(tenKinds)*each {
		t.Fatalf("%d objects recorded", len(out.Record.Objects))
	}
	// Each is an instance of its own, as in a configuration.
	var reads []kube.SetRead
	for i, o := range out.Record.Objects {
		reads = append(reads, kube.SetRead{Owner: ownerOf(r.owner.Lineage, fmt.Sprintf("kubernetes_manifest.x[%d]", i)), Record: kube.Record{Objects: []kube.ObjectRecord{o}}})
	}
	p, proxy := r.behind(faultproxy.Rule{})
	states, ds := p.ReadSets(t.Context(), reads)
	must(t, ds)
	for _, s := range states {
		must(t, s.Diagnostics)
		if !s.Exists() || s.Objects[0].Live != nil {
			t.Fatalf("%s: exists %v, fetched %v", s.Objects[0].Ref, s.Exists(), s.Objects[0].Live != nil)
		}
	}
	if p := p.plan(out.Record, none, want...); p.Changed() {
		t.Error("the plan is not empty")
	}
	requests := proxy.Requests()
	if len(requests) > 2+len(tenKinds) {
		t.Errorf("%d requests, want 2 for discovery and %d LISTs: %v", len(requests), len(tenKinds), requests)
	}
	for _, request := range requests {
		if request.Method != "GET" {
			t.Errorf("a plan wrote: %s %s", request.Method, request.URI)
		}
	}
}
