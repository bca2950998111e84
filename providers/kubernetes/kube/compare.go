package kube

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers"
)

// suspicious decides from metadata alone and reports whether the object must be fetched. Verify fetches all that exist.
func (it *readItem) suspicious(req *SetRead, verify bool) bool {
	it.state = ObjectState{Ref: it.ref}
	switch {
	case it.err != nil:
		it.next = it.rec
		it.ds = hcl.Diagnostics{} // fetch explains
		return true
	case it.meta == nil && it.rec != nil && it.rec.Once: // it did its work, or was deleted by somebody who did not want it
		next := *it.rec
		it.state.Exists, it.state.UID, it.next = true, it.rec.UID, &next
		return false
	case it.meta == nil:
		return false
	case it.rec != nil && it.rec.UID != string(it.meta.UID):
		// Deleted and made again by somebody: what we made is gone. The new one is judged when it is planned.
		return false
	}
	it.state.Exists, it.state.UID = true, string(it.meta.UID)
	if it.meta.DeletionTimestamp != nil {
		it.state.Terminating = append([]string{}, it.meta.Finalizers...)
	}
	if it.rec == nil {
		return true
	}
	next := *it.rec
	next.Terminating = it.meta.DeletionTimestamp != nil
	it.next = &next
	if it.rec.Dirty || verify {
		return true
	}
	if it.meta.ResourceVersion == it.rec.ResourceVersion {
		return false
	}
	// A write of ours whose outcome is unknown may bear the same second as the one before it.
	if it.rec.Entry != "" && it.entry == it.rec.Entry && !req.Unresolved && (req.Options.Partial || it.markStands(req.Owner)) {
		next.ResourceVersion, next.Generation = it.meta.ResourceVersion, it.meta.Generation
		return false
	}
	return true
}

// markStands reports whether the marks that LISTs go by are still on the object.
func (it *readItem) markStands(owner providers.Owner) bool {
	return it.meta.Labels[LabelState] == StateLabel(owner.Lineage) && strings.HasPrefix(it.meta.Annotations[AnnotationOwner], owner.Lineage+"/")
}

// fetch gets the whole object and compares it.
func (it *readItem) fetch(ctx context.Context, c *Cluster, req *SetRead) {
	if it.err != nil {
		it.ds = c.Diagnose(it.err, "get", it.ref)
		it.state.Exists = it.rec != nil
		return
	}
	ref := it.ref
	ref.Version = it.mapping.GVK.Version
	live, err := c.Get(ctx, ref)
	if err != nil {
		it.ds = c.Diagnose(err, "get", it.ref)
		return
	}
	if live == nil || it.meta.UID != live.GetUID() {
		it.state.Exists, it.next = false, nil
		return
	}
	if it.rec == nil {
		it.adopt(req, live)
		return
	}
	it.state.Live = live
	if it.desired == nil && req.Later != nil {
		it.desired = byID(req.Later())[it.ref.ID()]
	}
	it.compare(req, live)
}

// adopt takes an object whose creation had no known outcome, when it carries our mark.
func (it *readItem) adopt(req *SetRead, live *unstructured.Unstructured) {
	whose, _ := ownershipOf(live.GetAnnotations(), req.Owner)
	if whose != ours && !req.Options.Partial || req.Options.Partial && entryOf(live.GetManagedFields(), cmp.Or(req.Options.Manager, FieldManager)) == nil {
		it.state.Exists, it.state.UID = false, ""
		return
	}
	it.state.Live = live
	manager := cmp.Or(req.Options.Manager, FieldManager)
	// Whether it is what was wished for is not known: the next plan asks the server.
	it.next = &ObjectRecord{Ref: it.ref, UID: string(live.GetUID()), ResourceVersion: live.GetResourceVersion(), Generation: live.GetGeneration(),
		Manager: req.Options.Manager, Entry: entryDigest(live.GetManagedFields(), manager), Dirty: true, Pending: true}
}

// compare lists the fields of ours that are not as applied.
func (it *readItem) compare(req *SetRead, live *unstructured.Unstructured) {
	manager := cmp.Or(it.rec.Manager, req.Options.Manager, FieldManager)
	it.next.ResourceVersion, it.next.Generation = live.GetResourceVersion(), live.GetGeneration()
	if it.desired == nil {
		it.next.Dirty = entryDigest(live.GetManagedFields(), manager) != it.rec.Entry
		return
	}
	secret := isSecret(it.ref)
	view := denormalized(it.desired.Object, live)
	it.next.Yielded = append(recordedYield(it.rec, req.Options), req.Options.left(it.desired.Object.Object, live, manager)...)
	slices.Sort(it.next.Yielded)
	it.next.Yielded = slices.Compact(it.next.Yielded)
	for _, d := range differencesFrom(unyielded(it.desired.Object, live, it.next.Yielded), view, live.GetManagedFields()) {
		if was, ok := it.rec.Canon[d.path.String()]; ok && was == canonDigest(req.Key, d) {
			continue
		}
		hide := secret && len(d.path) > 0 && (d.path[0] == "data" || d.path[0] == "stringData")
		it.state.Drift = append(it.state.Drift, Drift{Path: d.path, Live: d.live, Secret: hide})
	}
	entry := entryDigest(live.GetManagedFields(), manager)
	if entry != it.rec.Entry {
		it.withheld(view)
	}
	if len(it.state.Drift) > 0 || it.rec.Dirty {
		// What stands there is not what was applied last: the wish of that apply must not pass for fulfilled when it comes back.
		it.next.Desired = ""
	}
	it.next.Dirty = len(it.state.Drift) > 0 || !req.Options.Partial && !it.markStands(req.Owner)
	if !it.next.Dirty {
		it.next.Entry = entry
	}
}

// withheld treats secret fields, whose recorded value is not known here, as changed when our entry says that
// something did.
func (it *readItem) withheld(view map[string]any) {
	null := map[string]bool{}
	for _, p := range it.rec.Null {
		null[p] = true
	}
	for _, p := range it.desired.Null {
		if null[p.String()] || len(p) == 0 {
			continue
		}
		now, _ := at(view, p)
		it.state.Drift = append(it.state.Drift, Drift{Path: p, Live: now, Secret: true})
	}
}

// denormalized returns the live object in the terms of the configuration: where a Secret is configured by stringData,
// its data as text.
func denormalized(desired, live *unstructured.Unstructured) map[string]any {
	text, ok := desired.Object["stringData"].(map[string]any)
	if !ok || !isSecret(RefOf(desired)) {
		return live.Object
	}
	out := map[string]any{}
	for k, v := range live.Object {
		out[k] = v
	}
	data, _ := live.Object["data"].(map[string]any)
	decoded := map[string]any{}
	for k := range text {
		if s, ok := data[k].(string); ok {
			decoded[k] = decodeBase64(s)
		}
	}
	out["stringData"] = decoded
	return out
}

// decodeBase64 returns the text of a field of data, or the field itself when it is not base64.
func decodeBase64(s string) string {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return s
	}
	return string(out)
}
