package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/lang"
)

// Resource is one `resource` or `data` block. At most one of Count, ForEach and Enabled is set.
type Resource struct {
	Addr addr.Resource
	// Body is the content without the meta-arguments, unexpanded: schema.Block.Decode and lang.BodyReferences take it.
	Body      hcl.Body
	DependsOn []lang.Reference
	// Count, ForEach and Enabled are nil when they are not written.
	Count, ForEach, Enabled hcl.Expression
	// Provider is a key of Module.Providers, where it may be missing: then the provider has no configuration block.
	Provider string
	// ProviderRange is where the provider was chosen, or DeclRange when it follows from the type.
	ProviderRange hcl.Range
	Lifecycle     Lifecycle
	// Timeouts limit single operations. An operation that is missing has no limit but the provider's own.
	Timeouts map[Operation]time.Duration
	// DeclRange covers the header of the block, Range all of it.
	DeclRange, Range hcl.Range
}

// Operation is what a timeout limits.
type Operation string

// The operations with timeouts.
const (
	OpCreate Operation = "create"
	OpRead   Operation = "read"
	OpUpdate Operation = "update"
	OpDelete Operation = "delete"
)

// Lifecycle is the content of a `lifecycle` block; the zero value stands for none. Data sources have conditions only.
type Lifecycle struct {
	PreventDestroy, CreateBeforeDestroy bool
	// CreateBeforeDestroySet tells a false that was written from the default.
	CreateBeforeDestroySet bool
	// IgnoreChanges are relative traversals into the resource's attributes. It is empty when IgnoreAll is set.
	IgnoreChanges []hcl.Traversal
	IgnoreAll     bool
	// ReplaceTriggeredBy refer to managed resources, their instances or their attributes.
	ReplaceTriggeredBy []hcl.Expression
	Preconditions      []*CheckRule
	Postconditions     []*CheckRule
	// Range covers the header of the block; it is empty when there is none.
	Range hcl.Range
}
