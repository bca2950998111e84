package config

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/lang"
)

// ModuleCall is one `module` block: another directory used as a part of this one. At most one of Count, ForEach and
// Enabled is set.
type ModuleCall struct {
	Name string
	// Source is the directory as written, starting with `./` or `../`; it is relative to the calling module.
	Source      string
	SourceRange hcl.Range
	// Module is the content of the directory; nil only when it was diagnosed. Calls of one directory share it.
	Module *Module
	// Arguments are the values for the called module's variables, by name. Load has checked that they exist and that
	// none is missing.
	Arguments               map[string]*hcl.Attribute
	Count, ForEach, Enabled hcl.Expression // nil when they are not written
	DependsOn               []lang.Reference
	// Providers maps provider configurations as the called module names them to those of the caller, both as keys of
	// Module.Providers. Nil means that nothing is written: default configurations are inherited.
	Providers map[string]PassedProvider
	// DeclRange covers the header of the block, Range all of it.
	DeclRange, Range hcl.Range
}

// CallerProvider returns the caller's key of the provider configuration that the called module knows as key: the one that
// is passed, or else the default one, which is inherited.
func (c *ModuleCall) CallerProvider(key string) string {
	if p, ok := c.Providers[key]; ok {
		return p.Key
	}
	return key
}

// PassedProvider is one entry of `providers` in a module call.
type PassedProvider struct {
	Key   string // of the caller
	Range hcl.Range
}

// Check is one `check` block: assertions that warn and never stop anything.
type Check struct {
	Name string
	// Data is a data source of the check's own, which nothing outside of it can refer to; nil when there is none. An
	// error in reading it is a warning.
	Data      *Resource
	Asserts   []*CheckRule
	DeclRange hcl.Range
}
