package chart

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// explainHelm adds to the errors about objects that exist what a Helm release of the same objects has to do with it.
func (s *Set) explainHelm(ctx context.Context, ds hcl.Diagnostics, req SetPlanRequest) hcl.Diagnostics {
	exists := slices.ContainsFunc(ds, func(d *hcl.Diagnostic) bool { return diag.CodeOf(d) == kube.CodeExists })
	if !exists || req.Offline {
		return ds
	}
	secrets, err := s.Cluster.ListMetadata(ctx, runtimeschema.GroupVersionKind{Version: "v1", Kind: "Secret"}, kube.ListOptions{Namespace: s.Namespace, Labels: "owner=helm"})
	if err != nil || len(secrets) == 0 {
		return ds // the error about the object itself says enough
	}
	var names []string
	for _, m := range secrets {
		names = append(names, m.GetLabels()["name"])
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return append(ds, diag.At(diag.Warningf(kube.CodeExists, "Helm has releases in this namespace",
		"Helm installed %s in the namespace %q. To take the objects over, set on_exists = \"adopt\"; afterwards delete Helm's record, so that Helm does not manage them as well: kubectl -n %s delete secret -l owner=helm,name=%s.",
		strings.Join(names, ", "), s.Namespace, s.Namespace, names[0]), cty.GetAttrPath("on_exists")))
}

// notes are what the reader of the plan should know beside the difference of the values.
func notes(plan kube.SetPlan) []string {
	out := slices.Clone(plan.Notes)
	for _, o := range plan.Objects {
		for _, n := range o.Notes {
			out = append(out, o.Ref.String()+": "+n)
		}
		if o.Action == kube.Replace {
			out = append(out, fmt.Sprintf("%s is deleted and created again, because %s cannot be changed", o.Ref, strings.Join(o.Immutable, ", ")))
		}
	}
	return out
}

// changed lists what is written, shortly.
func changed(plan kube.SetPlan) string {
	var out []string
	for _, o := range plan.Objects {
		if o.Action != kube.NoOp {
			out = append(out, o.Action.String()+" "+o.Ref.String())
		}
	}
	if len(out) > 4 {
		out = append(out[:3], fmt.Sprintf("%d more", len(out)-3))
	}
	return strings.Join(out, ", ")
}

func hookNotes(r *Rendered) (out []string) {
	for _, h := range r.Hooks {
		if h.Test() {
			continue
		}
		out = append(out, fmt.Sprintf("the chart's hook %s (%s) is not run", kube.RefOf(h.Object), strings.Join(h.Events, ", ")))
	}
	return out
}
