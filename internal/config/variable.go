package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
)

// Variable is one `variable` block.
type Variable struct {
	Name        string
	Description string
	// Type is what values have after their conversion. The defaults of optional attributes are in Defaults (nil when
	// there are none).
	Type     cty.Type
	Defaults *typeexpr.Defaults
	// constraint is Type with the marks of optional attributes, which conversion needs; cty.NilType when there is none.
	constraint cty.Type
	// Default is of type Type; cty.NilVal means that a value must be given.
	Default      cty.Value
	DefaultRange hcl.Range
	// Nullable says that null is a value. Otherwise null stands for the default.
	Nullable    bool
	Sensitive   bool
	Ephemeral   bool
	Validations []*CheckRule
	// Deprecated says what to use instead; whoever gives a value is warned. Empty means that the variable is not.
	Deprecated string
	DeclRange  hcl.Range
}

// Required reports whether a value must be given.
func (v *Variable) Required() bool { return v.Default == cty.NilVal }

// VariableValue is the value of a variable for one run.
type VariableValue struct {
	// Value has the variable's type and carries schema.Sensitive and schema.Ephemeral as declared.
	Value cty.Value
	// Source says where the value came from, for people: `default`, `MESHPLAN_VAR_region`, a file name, `--var`.
	Source string
	// Range is the place in a file. It is zero for an environment variable or a flag, and for the default of a sensitive
	// variable, whose source must not be shown.
	Range hcl.Range
}
