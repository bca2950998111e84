package kubernetes

import (
	"fmt"
	"maps"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// optionAttributes are those of every whole object.
func optionAttributes() map[string]*schema.Attribute {
	return map[string]*schema.Attribute{
		"on_exists": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.OnExistsError), OneOf: []string{kube.OnExistsError, kube.OnExistsAdopt},
			Description: "What to do when the object exists and is not managed here: `error` refuses, `adopt` takes it over."},
		"on_destroy": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.OnDestroyDelete), OneOf: []string{kube.OnDestroyDelete, kube.OnDestroyOrphan},
			Description: "What happens to the object when the resource is removed: `delete`, or `orphan` to leave it without our marks."},
		"conflicts": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.ConflictsError), OneOf: []string{kube.ConflictsError, kube.ConflictsForce, kube.ConflictsYield},
			Description: "What to do about fields that a controller or another applier set to something else: `error` refuses the plan, `force` takes them, `yield` leaves them."},
		"field_conflicts": {Type: cty.Map(cty.String), Optional: true, Validate: kube.ValidFieldConflicts,
			Description: "The same for single fields and what is below them, by path; the longest path decides, and it decides about changes of people as well: `{ \"spec.replicas\" = \"yield\" }` hands the number of replicas to an autoscaler, and keeps the present number while nobody else sets it. Elements of lists are named by their keys as in messages (`spec.template.spec.containers[name=app].image`), or all of them by `[*]`."},
		"on_immutable": {Type: cty.String, Optional: true, OneOf: []string{kube.OnImmutableReplace, kube.OnImmutableOrphan, kube.OnImmutableRefuse},
			Description: "What to do when the server does not change a field of a live object: `replace` deletes the object and makes it again, `orphan` does so without deleting what belongs to it (a StatefulSet's pods), `refuse` fails the plan. The default is `replace`, and `refuse` for a Namespace, a CustomResourceDefinition, a PersistentVolume, a claim, and a StatefulSet with claims."},
		"uid": {Type: cty.String, Computed: true, NeverNull: true, Description: "UID of the live object."},
	}
}

// with joins attributes.
func with(sets ...map[string]*schema.Attribute) map[string]*schema.Attribute {
	out := map[string]*schema.Attribute{}
	for _, s := range sets {
		maps.Copy(out, s)
	}
	return out
}

// waitBlock declares what to wait for.
func waitBlock() *schema.NestedBlock {
	return &schema.NestedBlock{
		Nesting:     schema.Single,
		Description: "What must hold before dependents go on. Without the block nothing is waited for.",
		Block: schema.Block{
			Attributes: map[string]*schema.Attribute{
				"rollout": {Type: cty.Bool, Optional: true, Default: cty.False,
					Description: "Wait for the kind's own readiness: workloads rolled out, Jobs complete, CustomResourceDefinitions served, webhooks backed by ready endpoints. It fails early with the words of pods that cannot run."},
				"timeout": {Type: cty.String, Optional: true, Default: cty.StringVal("10m"), Validate: duration, Description: "How long to wait, for instance `5m`."},
			},
			Blocks: map[string]*schema.NestedBlock{
				"condition": {Nesting: schema.List, Description: "A condition of `status.conditions` that must hold.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
					"type":   {Type: cty.String, Required: true, Description: "Type of the condition."},
					"status": {Type: cty.String, Optional: true, Default: cty.StringVal("True"), Description: "Status that it must have."},
				}}},
				"field": {Nesting: schema.List, Description: "A field that must have a value.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
					"path": {Type: cty.String, Required: true, Description: "Path of the field, for instance `status.loadBalancer.ingress[0].ip`.", Validate: func(v cty.Value) error {
						_, err := kube.ParsePath(v.AsString())
						return err
					}},
					"value": {Type: cty.String, Optional: true, Description: "The value that it must have; any that is not empty when left out."},
				}}},
			},
		},
	}
}

// fieldConflicts validates the attribute of that name.
func duration(v cty.Value) error {
	d, err := time.ParseDuration(v.AsString())
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a duration such as 90s or 5m", v.AsString())
	case d <= 0:
		return fmt.Errorf("%q is not positive", v.AsString())
	}
	return nil
}

// waitOf reads a wait block; nil when there is none.
func waitOf(config cty.Value) *kube.WaitOptions {
	block := config.GetAttr("wait")
	if block.IsNull() || !block.IsWhollyKnown() {
		return nil
	}
	out := &kube.WaitOptions{Rollout: block.GetAttr("rollout").True(), Timeout: durationOf(block, "timeout")}
	for _, c := range block.GetAttr("condition").AsValueSlice() {
		out.Conditions = append(out.Conditions, kube.WaitCondition{Type: schema.Text(c.GetAttr("type")), Status: schema.Text(c.GetAttr("status"))})
	}
	for _, f := range block.GetAttr("field").AsValueSlice() {
		out.Fields = append(out.Fields, kube.WaitField{Path: schema.Text(f.GetAttr("path")), Value: schema.Text(f.GetAttr("value"))})
	}
	return out
}

func durationOf(v cty.Value, name string) time.Duration {
	d, err := time.ParseDuration(schema.Text(v.GetAttr(name)))
	if err != nil {
		return 0 // validated by the schema; 0 means the default
	}
	return d
}

// optionsOf reads the options of a whole object.
func optionsOf(v cty.Value) kube.SetOptions {
	return kube.SetOptions{OnExists: schema.Text(v.GetAttr("on_exists")), OnDestroy: schema.Text(v.GetAttr("on_destroy")), Conflicts: schema.Text(v.GetAttr("conflicts")),
		FieldConflicts: kube.FieldConflictsOf(v.GetAttr("field_conflicts")), OnImmutable: schema.Text(v.GetAttr("on_immutable"))}
}

// set returns an object value with attributes replaced.
func set(v cty.Value, with map[string]cty.Value) cty.Value {
	if same(v, with) {
		return v
	}
	attrs := v.AsValueMap()
	maps.Copy(attrs, with)
	return cty.ObjectVal(attrs)
}

// same reports whether the attributes have these values already, which is the rule in a world without changes.
func same(v cty.Value, with map[string]cty.Value) bool {
	for name, a := range with {
		if !v.GetAttr(name).RawEquals(a) {
			return false
		}
	}
	return true
}

// stringMap converts a map attribute; nil when it is null or unknown.
func stringMap(v cty.Value) map[string]string {
	if v.IsNull() || !v.IsWhollyKnown() {
		return nil
	}
	out := map[string]string{}
	if err := gocty.FromCtyValue(v, &out); err != nil {
		return nil // a null element: the key is left out by kube as well
	}
	return out
}
