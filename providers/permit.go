package providers

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Purpose is what credentials are for. Each includes those before it. The zero value is invalid.
type Purpose uint8

// The purposes.
const (
	// ForDrift reads what is recorded.
	ForDrift Purpose = iota + 1
	// ForPlan also reads what the configuration names, and data sources.
	ForPlan
	// ForChecks also asks the system what it would do (dry runs, which are authorised like writes) and what it measures.
	ForChecks
	// ForApply also writes, waits and deletes.
	ForApply
)

// Right is something that the credentials must be allowed. It is data: what prints, merges or compares rights knows
// nothing of the types that need them.
type Right struct {
	// For is the least purpose that needs it.
	For Purpose
	// Group is the API group, empty for the core. Kind and Version say what is meant as manifests do; Resource is the
	// plural name, if need be with a subresource. A type gives one of Kind and Resource, the provider completes them.
	Group, Version, Kind, Resource string
	// URLs are paths outside resources; then everything else but Verbs is empty.
	URLs []string
	// Namespace is empty for kinds that belong to none, and for all namespaces.
	Namespace string
	// Names restricts the right to objects of these names; empty means all.
	Names []string
	Verbs []string
	// Many, if not 0, is the number of names in one namespace (over all rights on the resource that say so) from which
	// the provider lists instead of asking for each: then the verb list is needed too.
	Many int
	// Rare says that it is needed only in trouble, for instance to explain why a pod does not start.
	Rare bool
	// Guessed says that the plural name was made up by the usual rule, because nobody who knows could be asked.
	Guessed bool
	// Why says what for, in a few words that follow an address.
	Why string
}

// PermitRequest asks which rights one instance needs.
type PermitRequest struct {
	Owner
	// Config is the decoded configuration with defaults, free of marks; what follows from other objects is unknown, or as
	// recorded. For an instance that is only recorded it is the recorded value.
	Config cty.Value
	// Deleting says that it is only recorded: the next apply deletes it.
	Deleting bool
}

// Permitter is the optional capability of a ResourceType or a DataSource to say which rights it needs for all that may be
// done with an instance: its creation, reading, change and deletion. It makes no request. What it leaves out, nobody is
// granted who follows `meshplan rbac`; what it names and does not use is too much.
type Permitter interface {
	Permit(ctx context.Context, req PermitRequest) ([]Right, hcl.Diagnostics)
}

// Authorizer is the optional capability of a Provider whose system has roles.
type Authorizer interface {
	// Place names the system and the identity in it. Rights in one place belong into one set of roles.
	Place() string
	// Authorize completes the rights that types have asked for with names that the system uses, in the same order, and puts
	// those of the provider itself after them. It asks the system only about what cannot be known otherwise.
	Authorize(ctx context.Context, rights []Right) ([]Right, hcl.Diagnostics)
}
