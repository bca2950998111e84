package kube

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers"
)

// ParseRef reads `apiVersion/kind/namespace/name`, without the namespace for a kind that belongs to none. It asks the
// server what the kind is like.
func (c *Cluster) ParseRef(ctx context.Context, id string) (Ref, error) {
	parts := strings.Split(id, "/")
	for n := 1; n <= 2 && n < len(parts); n++ {
		gv, err := schema.ParseGroupVersion(strings.Join(parts[:n], "/"))
		if err != nil {
			continue
		}
		rest := parts[n:]
		m, err := c.Mapping(ctx, gv.WithKind(rest[0]))
		if err != nil {
			continue
		}
		r := Ref{Group: gv.Group, Version: gv.Version, Kind: rest[0]}
		switch {
		case m.Namespaced && len(rest) == 3 && rest[1] != "" && rest[2] != "":
			r.Namespace, r.Name = rest[1], rest[2]
			return r, nil
		case !m.Namespaced && len(rest) == 2 && rest[1] != "":
			r.Name = rest[1]
			return r, nil
		}
	}
	return Ref{}, fmt.Errorf("%q does not name an object of a kind that the server serves", id)
}

// Imported returns a live object as a manifest (without what only the server writes) and a record with which the next
// plan takes the object over.
func Imported(owner providers.Owner, live *unstructured.Unstructured) (Desired, Record) {
	m := Mapping{GVK: live.GroupVersionKind(), Namespaced: live.GetNamespace() != ""}
	object, _ := normalize(live, m)
	rec := ObjectRecord{Ref: RefOf(live), UID: string(live.GetUID()), ResourceVersion: live.GetResourceVersion(), Generation: live.GetGeneration(), Dirty: true}
	return Desired{Object: object}, Record{[]ObjectRecord{rec}}
}

// imported reports whether an object is recorded that was never applied: its import is all that is known of it.
func (o *ObjectRecord) imported() bool {
	return o != nil && o.Desired == "" && o.Entry == "" && !o.Pending
}

// Imported reports whether the objects of a record come from an import and were never applied.
func (r Record) Imported() bool {
	return len(r.Objects) > 0 && r.Objects[0].imported()
}

// Differences lists where a live object, or what is recorded of it, is not as wanted, as drift.
func Differences(want, live *unstructured.Unstructured) []Drift {
	var out []Drift
	for _, d := range differences(want.Object, denormalized(want, live), allFields(live.GetManagedFields())) {
		hide := isSecret(RefOf(want)) && (d.path[0] == "data" || d.path[0] == "stringData")
		out = append(out, Drift{Path: d.path, Live: d.live, Secret: hide})
	}
	return out
}

// Fill returns the live values of fields that were not known when an object was planned, as drift.
func Fill(live *unstructured.Unstructured, unknown []Path) []Drift {
	var out []Drift
	for _, p := range unknown {
		v, _ := at(live.Object, p)
		out = append(out, Drift{Path: p, Live: v, Secret: isSecret(RefOf(live))})
	}
	return out
}

// Clean returns a copy of a live object without managedFields, which nobody reads.
func Clean(live *unstructured.Unstructured) *unstructured.Unstructured {
	out := live.DeepCopy()
	out.SetManagedFields(nil)
	return out
}
