package mesh_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// TestWhatOthersKeepStaysInTheMesh takes an injection over that somebody else has asked for, and destroys it: the pods stay as
// they are until the other one gives the annotation up as well.
func TestWhatOthersKeepStaysInTheMesh(t *testing.T) {
	for name, c := range map[string]struct{ foreign, config, where string }{
		"by the namespace":  {"apiVersion: v1\nkind: Namespace\nmetadata: {name: NS, annotations: {linkerd.io/inject: enabled}}\n", "", "namespace "},
		"by their template": {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NS}\nspec: {template: {metadata: {annotations: {linkerd.io/inject: enabled}}}}\n", "workloads = [\"deployment/web\"]", "the template of deployment/web keeps"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			foreign := c.foreign
			if c.config != "" { // what is there, with the annotation
				foreign = strings.Replace(shopYAML, "labels: {app: web}}\n", "labels: {app: web}, annotations: {linkerd.io/inject: enabled}}\n", 1)
				if !strings.Contains(foreign, "inject: enabled") {
					t.Fatal("the test finds no template to annotate")
				}
			}
			meshtest.Apply(t, r.env, r.ns, foreign)
			settle(t, r, "deployment/web")
			config := r.config(c.config)
			_, ds := r.Apply(t.Context(), config)
			meshtest.Fail(t, ds)
			before := r.proxies()
			if before["deployment/web"] == 0 {
				t.Fatalf("nothing is meshed: %v", before)
			}
			plan, ds := r.Destroy(t.Context())
			meshtest.Fail(t, ds)
			notes := strings.Join(plan.Notes, "\n")
			if !strings.Contains(notes, "leaves pods in the mesh: "+c.where) || plan.Restarts != 0 {
				t.Errorf("the plan restarts %d pods and says %q", plan.Restarts, notes)
			}
			if !slices.ContainsFunc(ds, func(d *hcl.Diagnostic) bool { return diag.CodeOf(d) == mesh.CodeKept }) {
				t.Errorf("the destruction says %v", ds)
			}
			if after := r.proxies(); !maps.Equal(before, after) {
				t.Errorf("proxies: %v, then %v", before, after)
			}
		})
	}
}

// TestAnInjectionThatMovesIsTakenBackUnderItsNewAddress: the annotations belong to an address, so they go along with it.
func TestAnInjectionThatMovesIsTakenBackUnderItsNewAddress(t *testing.T) {
	for name, config := range map[string]string{"namespace": "", "templates": "workloads = [\"deployment/web\", \"statefulset/db\"]"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.config(config)
			_, ds := r.Apply(t.Context(), v)
			meshtest.Fail(t, ds)
			moved, err := addr.Parse("linkerd_injection.moved")
			if err != nil {
				t.Fatal(err)
			}
			was := r.observe().Find("deployment/web")
			owner := r.Owner
			owner.Address, owner.Former = moved, r.Owner.Address
			res, ds := r.Type.(providers.Claimer).Claim(t.Context(), providers.ClaimRequest{Owner: owner, Value: r.Value, Private: r.Private})
			meshtest.Fail(t, ds)
			r.Owner.Address, r.Private = moved, res.Private
			r.Read()
			r.WantEmpty(v)
			if is := r.observe().Find("deployment/web"); is.Generation != was.Generation {
				t.Error("the move restarts pods")
			}
			if _, ds := r.Destroy(t.Context()); len(ds) > 0 {
				t.Fatal(ds)
			}
			for name, n := range r.proxies() {
				if n > 0 {
					t.Errorf("%s has %d proxies left", name, n)
				}
			}
		})
	}
}
