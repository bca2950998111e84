package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/meshplan/meshplan/internal/diag"
)

// fieldConflict is one field that another manager owns with another value.
type fieldConflict struct {
	Field       string // as the server writes it: .spec.replicas
	Manager     string
	Subresource string
}

// conflictError says that a plan would take fields from other managers.
type conflictError struct {
	conflicts []fieldConflict
	options   SetOptions
}

func (e *conflictError) Error() string {
	return fmt.Sprintf("%d fields are owned by others", len(e.conflicts))
}

func (e *conflictError) diagnostic(r Ref) *hcl.Diagnostic {
	var lines []string
	for _, f := range e.conflicts {
		who := diag.Scrub(f.Manager)
		if f.Subresource != "" {
			who += " (through " + f.Subresource + ")"
		}
		lines = append(lines, fmt.Sprintf("%s is set by %s", strings.TrimPrefix(f.Field, "."), who))
	}
	slices.Sort(lines)
	field := strings.TrimPrefix(e.conflicts[0].Field, ".")
	advice := "Remove the fields here, or set `conflicts = \"yield\"` to leave them to those managers or `conflicts = \"force\"` to take them"
	switch {
	case e.options.Conflicts == "": // the type has no attribute to choose by
		advice = "This resource cannot do without them: let those managers leave them alone"
	case !e.options.Partial:
		advice += fmt.Sprintf("; for one field only, `field_conflicts = { %q = \"yield\" }`", field)
	}
	return diag.Errorf(CodeConflict, "Field conflict", "Other managers set fields of %s that this configuration sets to something else: %s. %s.", r, strings.Join(slices.Compact(lines), "; "), advice)
}

var conflictText = regexp.MustCompile(`conflict with "([^"]*)"(?: with subresource "([^"]*)")?`)

// conflictsOf reads the conflicts out of an answer; none for any other error.
func conflictsOf(err error) []fieldConflict {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsConflict(err) || status.Status().Details == nil {
		return nil
	}
	var out []fieldConflict
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		f := fieldConflict{Field: cause.Field}
		if m := conflictText.FindStringSubmatch(cause.Message); m != nil {
			f.Manager, f.Subresource = m[1], m[2]
		}
		out = append(out, f)
	}
	return out
}

// dryRun applies without persisting, dealing with conflicts as the options say. What was decided goes to e. The error
// of conflicts that nobody allowed is *conflictError.
func (c *Cluster) dryRun(ctx context.Context, w *wish, rec *ObjectRecord, o SetOptions, live, body *unstructured.Unstructured, adopting bool, e *evaluation) (*unstructured.Unstructured, error) {
	dry, _, err := c.Apply(ctx, body, ApplyOptions{Manager: o.Manager, DryRun: true})
	conflicts := conflictsOf(err)
	if len(conflicts) == 0 {
		return dry, err
	}
	var refused []fieldConflict
	for _, f := range conflicts {
		if f.Subresource == "" && f.Manager == rec.former(managerOf(o)) { // ourselves, under the former address
			e.force = true
			continue
		}
		name, who := strings.TrimPrefix(f.Field, "."), diag.Scrub(f.Manager)
		switch d := o.decide(live, f, rec != nil, adopting); {
		case d == takeField:
			e.force = true
			e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("takes %s from %s", name, who))
		case d == leaveField && e.yieldField(body, live, f.Field):
			e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("leaves %s to %s", name, who))
		default:
			refused = append(refused, f)
		}
	}
	if len(refused) > 0 {
		return nil, &conflictError{refused, o}
	}
	dry, _, err = c.Apply(ctx, body, ApplyOptions{Manager: o.Manager, DryRun: true, Force: e.force})
	return dry, err
}

// restorable reports whether taking a field back is ordinary: a person (kubectl, a script) changed an object of ours,
// which is drift that the plan shows and undoes, or an object is adopted from the tool that made it. A controller
// that owns a field (an autoscaler through the scale subresource, an operator) would change it again: that is for the
// configuration to decide.
func restorable(live *unstructured.Unstructured, f fieldConflict, managed, adopting bool) bool {
	if f.Manager == FieldManager && f.Subresource == "" {
		return true // ourselves, by another operation: what a default or a migration left to us
	}
	if f.Subresource != "" || isController(f.Manager) {
		return false
	}
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != f.Manager || entry.Subresource != "" {
			continue
		}
		switch entry.Operation {
		case metav1.ManagedFieldsOperationUpdate:
			return managed || adopting
		case metav1.ManagedFieldsOperationApply:
			if adopting && containsAny(strings.ToLower(f.Manager), "kubectl", "helm") {
				return true
			}
		}
	}
	return false
}

// yieldField takes a field out of the body, so that it stays with its owner. Field is the server's way to write it.
func (e *evaluation) yieldField(body, live *unstructured.Unstructured, field string) bool {
	path, ok := pathNamed(live, field)
	if !ok {
		return false
	}
	root, removed := remove(body.Object, path)
	if removed {
		body.Object = root.(map[string]any)
		if !slices.Contains(e.yield, field) {
			e.yield = append(e.yield, field)
		}
	}
	return removed
}

// pathNamed finds the owned path that the server writes as field.
func pathNamed(live *unstructured.Unstructured, field string) (path fieldpath.Path, ok bool) {
	allFields(live.GetManagedFields()).Iterate(func(p fieldpath.Path) {
		if !ok && p.String() == field {
			path, ok = p.Copy(), true
		}
	})
	return path, ok
}

// recordedYield returns the fields that were left to others before, as long as the options still say so.
func recordedYield(rec *ObjectRecord, o SetOptions) []string {
	if rec == nil {
		return nil
	}
	var out []string
	for _, field := range rec.Yielded {
		if policy, _ := o.conflictPolicy(field); policy == ConflictsYield {
			out = append(out, field)
		}
	}
	return out
}

// patchOp is one operation of a JSON patch.
type patchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func jsonPatch(ops ...patchOp) ([]byte, error) { return json.Marshal(ops) }
