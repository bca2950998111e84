package kube

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// predict plans a change without the server: what it wrote differently before counts as equal, and what
// managedFields says others own is a conflict. Defaults and webhooks are not known. The error of conflicts that nobody
// allowed is *conflictError.
func (e *evaluation) predict(owner providers.Owner, w *wish, rec *ObjectRecord, o SetOptions, live *unstructured.Unstructured, adopting bool) error {
	var refused []fieldConflict
	changes := predicted(owner, w, rec, live)
	others(live, managerOf(o), func(entry metav1.ManagedFieldsEntry, p fieldpath.Path) {
		path, wanted := located(w.body.Object, p)
		if !wanted || !slices.ContainsFunc(changes, func(d difference) bool { return within(path, d.path) || within(d.path, path) }) {
			return
		}
		if now, has := resolve(live.Object, p); !has || equal(now, mustAt(w.body.Object, path)) {
			return
		}
		f := fieldConflict{Field: p.String(), Manager: entry.Manager, Subresource: entry.Subresource}
		name, who := strings.TrimPrefix(f.Field, "."), diag.Scrub(f.Manager)
		switch o.decide(live, f, rec != nil, adopting) {
		case takeField:
			e.force = true
			e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("takes %s from %s", name, who))
		case leaveField:
			e.yield = append(e.yield, f.Field)
			changes = slices.DeleteFunc(changes, func(d difference) bool { return within(d.path, path) })
			e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("leaves %s to %s", name, who))
		default:
			refused = append(refused, f)
		}
	})
	if len(refused) > 0 {
		return &conflictError{refused, o}
	}
	for _, d := range changes {
		e.plan.Changes = append(e.plan.Changes, d.path.String())
	}
	slices.Sort(e.plan.Changes)
	return nil
}

// predictedChanges names the fields that would change as far as that shows without the server.
func predictedChanges(owner providers.Owner, w *wish, rec *ObjectRecord, live *unstructured.Unstructured) []string {
	var out []string
	for _, d := range predicted(owner, w, rec, live) {
		out = append(out, d.path.String())
	}
	slices.Sort(out)
	return out
}

// predicted compares without the server.
func predicted(owner providers.Owner, w *wish, rec *ObjectRecord, live *unstructured.Unstructured) []difference {
	return slices.DeleteFunc(differences(w.body.Object, live.Object, allFields(live.GetManagedFields())), func(d difference) bool {
		return rec != nil && rec.Canon[d.path.String()] == canonDigest(owner.Key, d)
	})
}

// located writes a path of managedFields as the path in an object, by the position of list elements. It reports false
// when the object has no such field.
func located(object map[string]any, p fieldpath.Path) (Path, bool) {
	var out Path
	var v any = object
	for i, step := range p {
		next, ok := resolve(v, p[i:i+1])
		if !ok {
			return nil, false
		}
		switch list, _ := v.([]any); {
		case step.FieldName != nil:
			out = append(out, *step.FieldName)
		case step.Key != nil:
			out = append(out, indexByKey(list, *step.Key))
		case step.Index != nil:
			out = append(out, *step.Index)
		default:
			out = append(out, slices.IndexFunc(list, func(e any) bool { return equal(e, next) }))
		}
		v = next
	}
	return out, true
}

// within reports whether a path leads to or below another.
func within(path, root Path) bool {
	return len(path) >= len(root) && slices.Equal(path[:len(root)], root)
}

func mustAt(v any, p Path) any {
	out, _ := at(v, p)
	return out
}
