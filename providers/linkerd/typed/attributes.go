package typed

import (
	"maps"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Common returns the attributes that every kind has, beside its own.
func Common(what string, own map[string]*schema.Attribute) map[string]*schema.Attribute {
	out := map[string]*schema.Attribute{
		"namespace":       {Type: cty.String, Required: true, Replace: true, Description: "Namespace of the " + what + "."},
		"name":            {Type: cty.String, Required: true, Replace: true, Description: "Name of the " + what + "."},
		"labels":          {Type: cty.Map(cty.String), Optional: true, Description: "Labels of the object."},
		"on_exists":       Choice(kube.OnExistsError, "What to do when the object exists and is not ours.", kube.OnExistsError, kube.OnExistsAdopt),
		"on_destroy":      Choice(kube.OnDestroyDelete, "What to do with the object when the resource is destroyed.", kube.OnDestroyDelete, kube.OnDestroyOrphan),
		"conflicts":       Choice(kube.ConflictsError, "What to do when somebody else owns a field of the object.", kube.ConflictsError, kube.ConflictsForce, kube.ConflictsYield),
		"field_conflicts": kube.FieldConflictsAttribute("the object"),
		"group":           {Type: cty.String, Computed: true, Description: "API group of the object, so that other resources can refer to this one as a whole."},
		"kind":            {Type: cty.String, Computed: true, Description: "Kind of the object."},
		"uid":             {Type: cty.String, Computed: true, NeverNull: true, Description: "UID of the object."},
	}
	maps.Copy(out, own)
	return out
}

// Borrowed returns the attributes of a kind that only adds to objects of others, beside its own.
func Borrowed(own map[string]*schema.Attribute) map[string]*schema.Attribute {
	out := map[string]*schema.Attribute{
		"namespace": {Type: cty.String, Required: true, Replace: true, Description: "Namespace of the object."},
		"name":      {Type: cty.String, Required: true, Replace: true, Description: "Name of the object."},
		"conflicts": Choice(kube.ConflictsError, "What to do when somebody else has set one of the annotations to another value.", kube.ConflictsError, kube.ConflictsForce, kube.ConflictsYield),
		"uid":       {Type: cty.String, Computed: true, NeverNull: true, Description: "UID of the object."},
	}
	maps.Copy(out, own)
	return out
}

// Choice is an optional attribute with a default and fixed values.
func Choice(def, description string, values ...string) *schema.Attribute {
	return &schema.Attribute{Type: cty.String, Optional: true, Default: cty.StringVal(def), OneOf: values, Description: description + " Default `" + def + "`."}
}
