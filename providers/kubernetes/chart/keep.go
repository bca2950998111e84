package chart

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// split finds the recorded objects that are not rendered any more and that the chart wants kept.
func split(record kube.Record, recorded cty.Value, rendered []object) (kept, rest kube.Record) {
	keep := map[kube.ID]bool{}
	for _, v := range recordedObjects(recorded) {
		if d, ds := recordedDesired(v); !ds.HasErrors() && strings.EqualFold(strings.TrimSpace(d.Object.GetAnnotations()[policyAnnotation]), "keep") {
			keep[kube.RefOf(d.Object).ID()] = true
		}
	}
	for i := range rendered {
		delete(keep, rendered[i].ref.ID())
	}
	for _, o := range record.Objects {
		if keep[o.ID()] {
			kept.Objects = append(kept.Objects, o)
		} else {
			rest.Objects = append(rest.Objects, o)
		}
	}
	return kept, rest
}

// joined is the record of all objects of two.
func joined(a, b kube.Record) kube.Record {
	out := kube.Record{Objects: slices.Concat(a.Objects, b.Objects)}
	slices.SortFunc(out.Objects, func(x, y kube.ObjectRecord) int { return kube.CompareRef(x.Ref, y.Ref) })
	return out
}

func keptNotes(kept kube.Record) (out []string) {
	for _, o := range kept.Objects {
		out = append(out, fmt.Sprintf("%s stays, because the chart says so (%s: keep)", o.Ref, policyAnnotation))
	}
	return out
}
