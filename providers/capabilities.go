package providers

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Locator is the optional capability of a Provider to say how people name what it is connected to, and where that is, as
// in "context prod, https://10.0.0.1:6443". It makes no request.
type Locator interface {
	Location() string
}

// Scoper is the optional capability of a configured Provider to name the system that its tags speak of: tags of different
// scopes order nothing between each other, so that what goes on in one cluster does not wait for another. Providers for the
// same system give the same scope; "" is every scope. It makes no request.
type Scoper interface {
	Scope() string
}

// Tag names something that orders steps between resources which do not refer to each other, for instance
// `kubernetes:namespace/shop` or `linkerd:injection/shop`. The part before the colon is the provider that defines it.
type Tag string

// Order is what one instance says about its place among the others. Tags that nobody provides are ignored. On the way
// down (delete, rollback) the same edges hold the other way round.
type Order struct {
	Provides []Tag
	After    []Tag // this instance comes after those that provide the tag
	Before   []Tag // this instance comes before those that provide the tag
}

// Orderer is an optional capability of a ResourceType or a DataSource. Order is called once for an instance, with its
// configuration: what other resources say of themselves in their blocks is known in it, what only planning or applying them
// finds out is not. It must be quick and pure.
type Orderer interface {
	Order(config cty.Value) Order
}

// Importer is an optional capability of a ResourceType: it finds an existing object by the name that people give it.
type Importer interface {
	// Import reads the object. A null value says that there is none. Value and Private are as from Read of an object
	// that is recorded already; what only the configuration could say has its default, or is null.
	Import(ctx context.Context, owner Owner, id string) (ReadResponse, hcl.Diagnostics)
}

// Namer is an optional capability of an Importer: Names reports whether an id is that of the object with a recorded
// value, so that an import that has been made already is told from one of another object. It must be quick and pure.
type Namer interface {
	Names(id string, value cty.Value) bool
}

// Claimer is an optional capability of a ResourceType that marks its objects with their owner: it renews the mark of an
// object that is otherwise as it should be, because its record moves to another address (Owner.Former) or because it
// is imported. It is idempotent.
type Claimer interface {
	Claim(ctx context.Context, req ClaimRequest) (ClaimResponse, hcl.Diagnostics)
}

// Releaser is an optional capability of a ResourceType that marks its objects with their owner: it takes the mark off an object
// that is forgotten and stays, so that another state may adopt it. What is gone, or belongs to another resource or state, is left
// alone. It is idempotent.
type Releaser interface {
	Release(ctx context.Context, req ClaimRequest) hcl.Diagnostics
}

// ClaimRequest names the object by its present value and what is recorded with it.
type ClaimRequest struct {
	Owner
	Value   cty.Value
	Private []byte
}

// ClaimResponse is what to record with the value from now on.
type ClaimResponse struct{ Private []byte }

// Upgrader is an optional capability: it turns a record of an older schema version into one of the present version.
type Upgrader interface {
	Upgrade(version int, value cty.Value) (cty.Value, error)
}

// Undo says how a step that took effect can be undone.
type Undo uint8

// The ways to undo. The zero value is invalid.
const (
	Restore      Undo = iota + 1 // by planning the former record (delete what was created, create what was deleted)
	Irreversible                 // not at all; the reason says why
)

// Reversal is how a step is undone, and why if it cannot be.
type Reversal struct {
	Undo   Undo
	Reason string
}

// Reverser is an optional capability; without it every step is undone by Restore. Before is null for a creation and
// after is null for a deletion.
type Reverser interface {
	Reverse(before, after cty.Value) Reversal
}

// Finder is an optional capability of a Provider: it finds objects by the ownership marks that they bear, so that a lost
// state can be rebuilt.
type Finder interface {
	// Marked lists the objects of every state, sorted by lineage, address and ID. What may not be listed is in the
	// diagnostics as warnings.
	Marked(ctx context.Context) ([]Marked, hcl.Diagnostics)
}

// Marked is an object that says whose it is.
type Marked struct {
	Owner
	// IDs name the object as an Importer of its type may want it, the most precise one first.
	IDs []string
}
