package config

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
)

// Moved is one `moved` block: what was recorded as From is To from now on. Both are relative to the module that holds
// the block, and are of one kind.
type Moved struct {
	From, To  addr.Target
	DeclRange hcl.Range
}

// Import is one `import` block: an object that exists becomes the instance To. Several are made with ForEach, whose
// each.key and each.value To and ID may use.
type Import struct {
	// To is the traversal of a managed instance; the keys in it may be computed.
	To hcl.Expression
	// Target is To without computed keys.
	Target addr.Target
	// ID evaluates to the name that the type's importer understands.
	ID      hcl.Expression
	ForEach hcl.Expression // nil when it is not written
	// Provider is a key of Module.Providers for an object without a resource block; empty means that of the block, or
	// the default one of the type.
	Provider  string
	DeclRange hcl.Range
}

// Removed is one `removed` block: what is recorded for From leaves the state when its block is gone.
type Removed struct {
	From addr.Target // relative to the module that holds the block, without instance keys
	// Destroy says that the objects are deleted as well.
	Destroy   bool
	DeclRange hcl.Range
}
