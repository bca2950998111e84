package kube_test

import (
	"strings"
	"testing"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// TestOwnershipMovesToANewerVersion is what happens to a Linkerd Server when v1beta3 brings a field with a default
// that v1beta1 does not have: the API server cannot read the recorded ownership any more.
func TestOwnershipMovesToANewerVersion(t *testing.T) {
	r := newRig(t)
	group := r.ns + ".example.test"
	in := func(text string) string { return strings.ReplaceAll(text, "GROUP", group) }
	definition := func(storageOld, storageNew string) string {
		return in(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget}
  versions:
  - name: v1beta1
    served: true
    storage: ` + storageOld + `
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
  - name: v1beta3
    served: true
    storage: ` + storageNew + `
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}, access: {type: string, default: deny}}}}}}
`)
	}
	crdRec := r.make(kube.Record{}, none, r.objects(definition("true", "false"))...)
	gadget := func(version, spec string) []kube.Desired {
		return r.objects(in(`{apiVersion: GROUP/` + version + `, kind: Gadget, metadata: {name: g, namespace: NS}, spec: ` + spec + `}`))
	}
	rec := r.make(kube.Record{}, none, gadget("v1beta1", "{size: 1}")...)
	r.make(crdRec, none, r.objects(definition("false", "true"))...)
	want := gadget("v1beta3", "{size: 1, access: audit}")
	fresh := r.again()
	state := fresh.read(rec, want...)
	plan := fresh.plan(state.Record, none, want...)
	if plan.Objects[0].Action != kube.Update {
		t.Fatalf("plan: %s", r.actions(plan))
	}
	rec = fresh.apply(state.Record, plan, none, want...).Record
	live, err := fresh.Get(t.Context(), rec.Objects[0].Ref)
	if err != nil || live.Object["spec"].(map[string]any)["access"] != "audit" {
		t.Fatalf("%v %v", live, err)
	}
	last := r.again()
	state = last.read(rec, want...)
	if p := last.plan(state.Record, none, want...); p.Changed() {
		t.Errorf("second plan: %s %v", r.actions(p), p.Objects[0].Changes)
	}
	_, ds := last.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: kube.Record{Objects: append(rec.Objects, crdRec.Objects...)}})
	must(t, ds)
}
