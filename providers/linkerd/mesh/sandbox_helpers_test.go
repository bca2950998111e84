package mesh_test

import (
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
)

// settle waits until a workload's controller has finished.
func settle(t *testing.T, r *rig, name string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if w := r.observe().Find(name); w != nil && w.Settled && len(w.Old) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not settle", name)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// restart gives web another image, as a deployment by its owners would.
func restart(t *testing.T, r *rig, image string) {
	t.Helper()
	meshtest.Apply(t, r.env, r.ns, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "`+image+`"}]}
`)
}

// request is an application of a plan of config.
func (r *rig) request(config cty.Value) providers.ApplyRequest {
	plan, ds := r.Plan(config)
	meshtest.Fail(r.t, ds)
	return providers.ApplyRequest{Owner: r.Owner, Prior: r.Value, Config: config, Planned: plan.Planned,
		PriorPrivate: r.Private, PlannedPrivate: plan.Private, Step: r.Step}
}
