package config

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/lang"
)

// Module holds what the files of one directory declare. Maps are keyed by what references name.
type Module struct {
	// Dir is where the files are, relative to Config.Dir with slashes; `.` for the root module.
	Dir       string
	Variables map[string]*Variable
	Locals    map[string]*Local
	Outputs   map[string]*Output
	// Resources holds managed resources and data sources. Their addresses are relative to the module.
	Resources map[addr.Resource]*Resource
	// Providers is keyed by Resource.Provider: `kubernetes`, or `kubernetes.east` for an alias.
	Providers map[string]*ProviderConfig
	// ConfigurationAliases are the provider configurations that callers must pass, by the key under which resources
	// name them. In the root module, which nobody calls, they have no meaning.
	ConfigurationAliases map[string]hcl.Range
	// Calls are the `module` blocks.
	Calls map[string]*ModuleCall
	// Checks are the `check` blocks.
	Checks map[string]*Check
	// Moved and Removed are in the order of files and text. Imports are those of the root module, the only one that
	// can have any.
	Moved   []*Moved
	Imports []*Import
	Removed []*Removed

	functions map[string]function.Function // for the validation rules of variables
}

// Local is one entry of a `locals` block.
type Local struct {
	Name string
	Expr hcl.Expression
	// Range covers the name and the expression.
	Range hcl.Range
}

// Output is one `output` block.
type Output struct {
	Name          string
	Description   string
	Expr          hcl.Expression // nil only when the block was diagnosed
	Sensitive     bool
	Ephemeral     bool
	DependsOn     []lang.Reference
	Preconditions []*CheckRule
	// Deprecated says what to use instead; a caller that refers to the output is warned. Empty means that it is not.
	Deprecated string
	DeclRange  hcl.Range
}

// ProviderConfig is one `provider` block.
type ProviderConfig struct {
	// Name is the provider; Alias tells several configurations of it apart and is empty for the default one.
	Name, Alias string
	// Body has no alias in it any more.
	Body      hcl.Body
	DeclRange hcl.Range
}

// Key returns the name under which Module.Providers holds p.
func (p *ProviderConfig) Key() string {
	if p.Alias == "" {
		return p.Name
	}
	return p.Name + "." + p.Alias
}

// CheckRule is a validation, precondition or postcondition.
type CheckRule struct {
	Condition    hcl.Expression
	ErrorMessage hcl.Expression
	// Range covers the header of the block.
	Range hcl.Range
}

func newModule(dir string) *Module {
	return &Module{
		Dir:       dir,
		Variables: make(map[string]*Variable),
		Locals:    make(map[string]*Local),
		Outputs:   make(map[string]*Output),
		Resources: make(map[addr.Resource]*Resource),
		Providers: make(map[string]*ProviderConfig),
		Calls:     make(map[string]*ModuleCall),
		Checks:    make(map[string]*Check),

		ConfigurationAliases: make(map[string]hcl.Range),
	}
}

// SortedVariables returns the variables by name.
func (m *Module) SortedVariables() []*Variable { return sortedByKey(m.Variables) }

// SortedLocals returns the local values by name.
func (m *Module) SortedLocals() []*Local { return sortedByKey(m.Locals) }

// SortedOutputs returns the outputs by name.
func (m *Module) SortedOutputs() []*Output { return sortedByKey(m.Outputs) }

// SortedProviders returns the provider configurations by name, the default one before its aliases.
func (m *Module) SortedProviders() []*ProviderConfig { return sortedByKey(m.Providers) }

// SortedCalls returns the module calls by name.
func (m *Module) SortedCalls() []*ModuleCall { return sortedByKey(m.Calls) }

// SortedChecks returns the check blocks by name.
func (m *Module) SortedChecks() []*Check { return sortedByKey(m.Checks) }

// SortedResources returns managed resources and data sources in the order of their addresses.
func (m *Module) SortedResources() []*Resource {
	return slices.SortedFunc(maps.Values(m.Resources), func(a, b *Resource) int {
		return addr.CompareResource(a.Addr, b.Addr)
	})
}

func sortedByKey[K cmp.Ordered, V any](m map[K]V) []V {
	out := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}
