package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// Engine plans and applies one rollout. It is safe for concurrent use by readers; applies exclude each other through the
// store's lock.
type Engine struct {
	store    state.Store
	registry providers.Registry
	options  Options
	events   sync.Mutex // one event at a time
}

// Options of an engine. The zero value is ready.
type Options struct {
	// Parallelism bounds the writes in flight; 0 means 16. Waiting does not count, nor does committing to the journal.
	Parallelism int
	// Version is that of the program, as the configuration may read it in meshplan.version.
	Version string
	// Holder says who is at work, for locks and history.
	Holder state.Holder
	// Events receives what happens; nil means nobody listens.
	Events Sink
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Settling is how long a write of a process that died may still take effect in the system; a plan or apply that finds
	// a younger write without an outcome waits for the rest of that time before it reads objects. 0 means no time.
	Settling time.Duration
}

// New returns an engine over a store and the compiled-in providers. It keeps both and closes neither.
func New(store state.Store, registry providers.Registry, o Options) *Engine {
	if o.Parallelism <= 0 {
		o.Parallelism = 16
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Engine{store: store, registry: registry, options: o}
}

// Inputs are the values of a run.
type Inputs struct {
	// Variables of the root module, converted and marked.
	Variables map[string]cty.Value
}

// PlanOptions say what to plan. The zero value plans the whole configuration.
type PlanOptions struct {
	Inputs
	Mode    plans.Mode // 0 means Normal; Rollback is made by Engine.Rollback
	Targets []string   // addresses of resources or instances; their dependencies come along
	Replace []string   // addresses of instances to replace
	// NoRefresh takes the records for the truth.
	NoRefresh bool
	// Generate writes the blocks for imports that have none (plans.Plan.Generated); otherwise these are errors.
	Generate bool
	// Offline forbids every access to the system; it implies NoRefresh.
	Offline bool
}

// ApplyOptions say how to apply.
type ApplyOptions struct {
	Inputs
	LockTimeout time.Duration
	// RollbackOnFailure undoes the run when a step fails. The rollback is a plan and a run of its own.
	RollbackOnFailure bool
	// Accepted is called once when the plan has been found to fit, before anything is written; an error ends the apply.
	// It is not called for a plan that was applied already. Nil means that nobody wants to know.
	Accepted func() error
	// Stop, when it is closed, lets what is in flight finish and starts nothing new. Cancelling the context aborts at
	// once.
	Stop <-chan struct{}
}

// RollbackOptions say what to undo. The zero value undoes the last run.
type RollbackOptions struct {
	Inputs
	// To restores the state as it was after that run; 0 with ToSet means: as it was before the first run.
	To    state.RunID
	ToSet bool
}

// Result is the outcome of an apply.
type Result struct {
	Run     state.RunID
	Outcome state.RunResult
	Summary state.Summary
	// Failed, Skipped and Canceled list instances in order of the plan. Skipped ones name what failed.
	Failed   []addr.Instance
	Skipped  []Skip
	Canceled []addr.Instance
	// AlreadyApplied names the run that applied the same plan before; nothing was done.
	AlreadyApplied state.RunID
	Elapsed        time.Duration
	// Critical is the chain of steps that took longest.
	Critical []addr.Instance
	Outputs  []plans.OutputChange
	// RolledBack is the outcome of the rollback that the failure asked for; nil when there was none.
	RolledBack *Result
}

// Skip names an instance that was not touched because another failed.
type Skip struct{ Addr, Cause addr.Instance }

// Validate checks a configuration without any access to state or system: references, types, values as far as they are
// known, cycles, those included that only the providers' order closes. Variables may be missing; they count as unknown.
func (e *Engine) Validate(ctx context.Context, c *config.Config, in Inputs) hcl.Diagnostics {
	w, ds := e.world(c, in, &state.Snapshot{}, worldOptions{lenient: true})
	if ds.HasErrors() {
		return diag.Sort(ds)
	}
	if ds = append(ds, w.validate(ctx)...); ds.HasErrors() {
		return diag.Sort(ds)
	}
	_, found := e.graph(ctx, c, in, worldOptions{offline: true, lenient: true, sampled: true})
	for _, d := range found {
		if diag.CodeOf(d) == CodeOrder { // the rest was said above, or is a matter of values that only a plan has
			ds = append(ds, d)
		}
	}
	return diag.Sort(ds)
}

// The codes of diagnostics about plans, state and runs.
const (
	// CodeStale: something that the plan observed has moved since; plan again.
	CodeStale diag.Code = "plan.stale"
	// CodeForeign: the plan belongs to another state, configuration or cluster.
	CodeForeign diag.Code = "plan.foreign"
	// CodeIncomplete: something could not be read when the plan was made, so it is not applied.
	CodeIncomplete diag.Code = "plan.incomplete"
	// CodeOffline: the plan was made without a look at the system, so it cannot be applied.
	CodeOffline diag.Code = "plan.offline"
	// CodeProviderBug: a provider broke its contract, for instance by applying another value than it planned.
	CodeProviderBug diag.Code = "provider.inconsistent"
	// CodeLocked: another process holds the state's lock.
	CodeLocked diag.Code = "state.locked"
	// CodeState: the state cannot be read or written.
	CodeState diag.Code = "state.error"
	// CodeLost: the lock was lost while a run was under way, so the run stopped.
	CodeLost diag.Code = "state.lost"
	// CodeSealed: the state is encrypted, and the configuration names no keys.
	CodeSealed diag.Code = "state.sealed"
	// CodeCluster: the state belongs to another cluster than the one that the provider is connected to.
	CodeCluster diag.Code = "state.other-cluster"
	// CodeProtected: prevent_destroy forbids the change.
	CodeProtected diag.Code = "plan.protected"
	// CodeSecretNeeded: a secret is needed that is stored as a fingerprint only.
	CodeSecretNeeded diag.Code = "plan.secret-needed"
	// CodeNothing: there is nothing to roll back.
	CodeNothing diag.Code = "rollback.nothing"
	// CodeFormerOutput: a rollback cannot tell what an output shows afterwards.
	CodeFormerOutput diag.Code = "rollback.output"
	// CodeTarget: a target or a replacement names nothing.
	CodeTarget diag.Code = "plan.no-such-target"
)

// emit hands an event to whoever listens.
func (e *Engine) emit(ev Event) {
	if e.options.Events == nil {
		return
	}
	e.events.Lock()
	defer e.events.Unlock()
	e.options.Events.Handle(ev)
}

// StateError turns an error of a store into diagnostics with the right code, as Plan and Apply do.
func StateError(err error) hcl.Diagnostics { return stateError(err) }

// stateError turns an error of the store into diagnostics with the right code.
func stateError(err error) hcl.Diagnostics {
	var locked *state.LockedError
	if errors.As(err, &locked) {
		return hcl.Diagnostics{diag.Errorf(CodeLocked, "State is locked", "%s. Wait for it to finish, or use --lock-timeout to wait for the lock.", capital(err.Error()))}
	}
	switch {
	case errors.Is(err, state.ErrLost):
		return hcl.Diagnostics{diag.Errorf(CodeLost, "Lock of the state was lost", "The lock could not be renewed in time, or was taken away, so nothing more was written: %s. "+
			"What was under way is looked up by the next run. Apply again when the cluster that keeps the state can be reached.", err)}
	case errors.Is(err, state.ErrSealed):
		return hcl.Diagnostics{diag.Errorf(CodeSealed, "State is sealed", "The state is encrypted. Name its passphrase or its identity in the block encryption of the backend.")}
	}
	return diag.FromError(CodeState, "State cannot be used", err, nil)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
