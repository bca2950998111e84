package mesh

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// An annotation may have several keepers: who set it first (kubectl, Helm, an installation that was taken over), and this
// resource, which asked for the same. It goes when the last one gives it up, so a resource that is destroyed leaves in the mesh
// what others keep there.

// keepers are the field managers other than ours that keep the injection annotation, by the metadata at a path of an object.
func keepers(entries []metav1.ManagedFieldsEntry, ours string, metadata ...string) []string {
	all := kube.ManagersOf(entries, append(metadata, "annotations", InjectAnnotation)...)
	return slices.DeleteFunc(all, func(manager string) bool { return manager == ours })
}

// keptBy says who else keeps a workload in the mesh: by its template where that is named, or else by the namespace.
func (o *Observation) keptBy(w *Workload, named []string, ours string) []string {
	if named == nil {
		if o.Namespace.Annotations[InjectAnnotation] == "" {
			return nil
		}
		return keepers(o.Namespace.ManagedFields, ours, "metadata")
	}
	if w.Ref.Kind == cronJob {
		return keepers(w.managed, ours, "spec", "jobTemplate", "spec", "template", "metadata")
	}
	return keepers(w.managed, ours, "spec", "template", "metadata")
}

// kept says what stays in the mesh because others keep it there, or "".
func kept(o *Observation, named []string, ours string) string {
	if named == nil {
		if by := o.keptBy(nil, nil, ours); len(by) > 0 {
			return fmt.Sprintf("namespace %q keeps %s, which %s has set as well", o.Namespace.Name, InjectAnnotation, diag.Scrub(strings.Join(by, " and ")))
		}
		return ""
	}
	var out []string
	for _, name := range named {
		if w := o.Find(name); w != nil {
			if by := o.keptBy(w, named, ours); len(by) > 0 {
				out = append(out, fmt.Sprintf("the template of %s keeps %s, which %s has set as well", name, InjectAnnotation, diag.Scrub(strings.Join(by, " and "))))
			}
		}
	}
	return strings.Join(out, "; ")
}

// Claim implements providers.Claimer: annotations go over to the field manager of the new address, or nobody could take them
// back any more. Pods stay as they are.
func (t injection) Claim(ctx context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	res := providers.ClaimResponse{Private: req.Private}
	s, known := specOf(req.Value)
	if !known || req.Former.Resource.Type == "" {
		return res, nil
	}
	c := t.env.Cluster()
	o, err := observe(ctx, c, s.namespace, s.workloads)
	if err != nil {
		return res, c.Diagnose(err, "list", namespaceRef(s.namespace))
	}
	if o.Namespace == nil {
		return res, nil
	}
	before := req.Owner
	before.Address = req.Former
	objects := []kube.ObjectRecord{{Ref: namespaceRef(s.namespace), UID: string(o.Namespace.UID)}}
	for _, w := range o.Workloads {
		objects = append(objects, kube.ObjectRecord{Ref: w.Ref, UID: w.UID})
	}
	var ds hcl.Diagnostics
	for _, object := range objects {
		object.Manager = manager(before)
		_, more := c.HandOver(ctx, object, manager(req.Owner))
		if ds = append(ds, more...); ds.HasErrors() {
			return res, ds
		}
	}
	return res, ds
}
