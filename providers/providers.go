// Package providers is the contract between the plan engine and those who know a system: Kubernetes, Linkerd, or the
// in-memory provider of tests.
//
// The central idea: a provider turns one desired value into one object's life, and says as DATA everything else that
// the engine must know: what it would do (Plan), how steps must be ordered (Orderer), what undoing means (Reverser).
// The engine keeps records, order, parallelism, retries after a kill, and secrets' fingerprints.
//
// Promises of the engine: Plan is called in dependency order, with values of dependencies as planned; Apply is called
// only for what a plan holds, after an intent is on disk, at most once at a time for an address; every value handed
// in is free of marks and of the type of the schema. Promises of a provider: Plan and Read never write; Apply may be
// called again after a kill at any instruction and then continues; known values of a plan are the values after apply;
// contexts are honoured; nothing that is secret goes into Private, diagnostics or progress; all methods are safe for
// concurrent use.
package providers

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
)

// Provider is one configured connection to a system. An instance serves one `provider` block (or alias) for one run. The
// methods that return schemas and types work before Configure, without any I/O.
type Provider interface {
	// Schema is the content of the provider block. It must come from fixed data.
	Schema() *schema.Block
	// Configure takes the decoded block, which may hold unknowns while planning. It should not need the network: an
	// unreachable system is best reported by the first call that needs it.
	Configure(ctx context.Context, config cty.Value) hcl.Diagnostics
	ResourceTypes() map[string]ResourceType
	DataSources() map[string]DataSource
}

// Identifier is the optional capability of a Provider to name the system that it is connected to, so that a plan for one
// cluster is never applied to another. The identity is stable and not secret (the UID of the kube-system namespace).
type Identifier interface {
	Identity(ctx context.Context) (string, hcl.Diagnostics)
}

// Reviewer is the optional capability of a Provider to judge a plan as a whole. Review is called once, after every instance
// has been planned, when the system may be asked; it writes nothing. A finding may name an instance (diag.For) and is
// then shown at its block.
type Reviewer interface {
	Review(ctx context.Context) hcl.Diagnostics
}

// ResourceType manages the objects of one type.
type ResourceType interface {
	Schema() *schema.Resource
	// Plan says what Apply would do. It never writes. An error in the diagnostics refuses the change.
	Plan(ctx context.Context, req PlanRequest) (PlanResponse, hcl.Diagnostics)
	// Apply creates, updates or deletes. It is idempotent. When it fails after an effect it returns the value as far
	// as it is known: a value that is not null is recorded as incomplete and the next plan goes on from there.
	Apply(ctx context.Context, req ApplyRequest) (ApplyResponse, hcl.Diagnostics)
	// Read reports what became of recorded objects, all those of the type at once, so that it can list instead of
	// get. The responses are in the order of the requests.
	Read(ctx context.Context, reqs []ReadRequest) ([]ReadResponse, hcl.Diagnostics)
}

// DataSource reads something that is not managed.
type DataSource interface {
	Schema() *schema.Resource
	// Read returns a value of the schema's type. The configuration is wholly known.
	Read(ctx context.Context, req DataRequest) (cty.Value, hcl.Diagnostics)
}

// Owner says on whose behalf a call is made. Providers put Lineage and Address on what they create.
type Owner struct {
	Lineage string
	Address addr.Instance
	// Former is where the object was recorded until now, when it moves: an object with the mark of that address is the
	// owner's own. Zero when it does not move.
	Former addr.Instance
	// Key keys the fingerprints of secrets (HMAC-SHA-256). It belongs to the state and is never logged.
	Key []byte
}

// PlanRequest asks what would be done to one instance. To plan a deletion Config and Proposed are null.
type PlanRequest struct {
	Owner
	// Prior is what Read found, null when there is no object. Sensitive attributes that the provider did not read are
	// present when the configuration's value is the recorded one, and null otherwise.
	Prior cty.Value
	// Config is the decoded configuration with defaults; parts may be unknown.
	Config cty.Value
	// Sensitive lists the parts of Config that must not be shown or stored: by schema, or because the configuration
	// marks them.
	Sensitive []cty.Path
	// Proposed is Config with computed attributes from Prior, or unknown for a creation (see schema.Block.Propose).
	Proposed cty.Value
	// Private is what the provider recorded with Prior.
	Private []byte
	// Incomplete says that the last creation or wait failed half-way.
	Incomplete bool
	// Replacing says that the object will be deleted first: plan a creation that expects the name to be free.
	Replacing bool
	// Offline forbids the network: the plan is made from the recorded value alone.
	Offline bool
}

// PlanResponse is the answer. When Planned equals Prior there is nothing to do.
type PlanResponse struct {
	// Planned is the value after apply; what cannot be known is unknown. It may carry schema.Sensitive marks.
	Planned cty.Value
	// Adopted is the value of an object that exists although nothing is recorded, when it may be taken over: the
	// change is then an update of it. The zero value means none.
	Adopted cty.Value
	// Private goes to Apply unchanged and is part of a saved plan: versions of what was observed belong here.
	Private []byte
	// Replace lists attributes whose change needs a new object, beside those which the schema marks.
	Replace []cty.Path
	// Notes are short sentences for the reader of the plan: side effects, reasons, what was predicted and why.
	Notes []string
	// Restarts is how many running pods the change restarts.
	Restarts int
	// Again asks for the step although Planned equals Prior, saying why (an unfinished wave, a proof that must be
	// repeated).
	Again string
}

// ApplyRequest asks to carry a planned change out. To delete, Config and Planned are null.
type ApplyRequest struct {
	Owner
	Prior  cty.Value // as planned; null for a creation
	Config cty.Value // now wholly known
	// Sensitive is as in PlanRequest.
	Sensitive []cty.Path
	Planned   cty.Value // as planned, with unknowns that are now known from Config filled in
	// PriorPrivate was recorded with Prior; PlannedPrivate comes from Plan.
	PriorPrivate, PlannedPrivate []byte
	Step                         Step
}

// Marked returns an attribute of the configuration with its sensitive parts marked, for a provider that derives other
// values from it.
func (r *PlanRequest) Marked(attribute string) cty.Value {
	return marked(r.Config, r.Sensitive, attribute)
}

// Marked returns an attribute of the configuration with its sensitive parts marked.
func (r *ApplyRequest) Marked(attribute string) cty.Value {
	return marked(r.Config, r.Sensitive, attribute)
}

func marked(config cty.Value, sensitive []cty.Path, attribute string) cty.Value {
	v := config.GetAttr(attribute)
	var marks []cty.PathValueMarks
	for _, p := range sensitive {
		if len(p) == 0 {
			return v.Mark(schema.Sensitive)
		}
		if s, ok := p[0].(cty.GetAttrStep); ok && s.Name == attribute {
			marks = append(marks, cty.PathValueMarks{Path: p[1:], Marks: cty.NewValueMarks(schema.Sensitive)})
		}
	}
	if len(marks) == 0 {
		return v
	}
	return v.MarkWithPaths(marks)
}

// Creating reports whether there is no prior object.
func (r *ApplyRequest) Creating() bool { return r.Prior.IsNull() }

// Deleting reports whether the object is to go.
func (r *ApplyRequest) Deleting() bool { return r.Planned.IsNull() }

// ApplyResponse is the outcome. A null Value says that there is no object.
type ApplyResponse struct {
	Value   cty.Value
	Private []byte
}

// Step lets Apply talk to the engine while it works. It is safe for concurrent use until Apply returns.
type Step interface {
	// Progress says what is being done or waited for.
	Progress(Progress)
	// Checkpoint records the object as incomplete, durably: call it after a write and before a wait, so that a kill
	// during the wait forgets nothing.
	Checkpoint(value cty.Value, private []byte) error
	// Release gives the slot for writes back for the rest of the step: call it before waiting. Calling it again is
	// harmless.
	Release()
}

// Awaiter is an optional capability of a Step.
type Awaiter interface {
	// Awaited reports whether other writes of the run come after the end of the step: a deletion that would leave
	// something running for a while should see it ended first.
	Awaited() bool
}

// Progress is a line for the reader. Done of Total counts something when Total is not zero.
type Progress struct {
	Message     string
	Done, Total int
	Waiting     bool // the system works, we only look
}

// ReadRequest asks about one recorded object.
type ReadRequest struct {
	Owner
	// Value is the recorded value, sensitive parts null. For an object whose creation has no known outcome it is the
	// planned value and may hold unknowns.
	Value   cty.Value
	Private []byte
	// Unresolved says that a write was begun whose outcome is unknown: look for the object by its name, and take it
	// only when it carries the owner's mark. Private is empty when it was a creation.
	Unresolved bool
}

// ReadResponse says what became of it.
type ReadResponse struct {
	// Value is the object now; null when it is gone. Sensitive attributes may be null, or be read and marked.
	Value   cty.Value
	Private []byte
	// Diagnostics about this object only. With an error the recorded value stays in force.
	Diagnostics hcl.Diagnostics
}

// DataRequest asks a data source.
type DataRequest struct {
	Owner
	Config cty.Value
}
