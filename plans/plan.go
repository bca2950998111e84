// Package plans holds what meshplan is going to do, as pure data: the plan that the engine makes, people approve, files
// keep and the engine carries out.
//
// The central idea: a Plan is complete. Changes say what becomes of every instance, for people and machines; Steps say
// in which order effects happen, with every dependency resolved to an earlier step. Apply interprets it and derives no
// order of its own, so what was reviewed is what runs.
//
//	configuration ─┐
//	state ─────────┼─ engine.Plan ─► Plan{Changes, Steps, Outputs, Base} ─► render / file ─► engine.Apply
//	live objects ──┘
package plans

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
)

// Format is the version of the plan file that this program writes.
const Format = 1

// Plan is one run's worth of changes. It is immutable once the engine has returned it.
type Plan struct {
	Base    Base
	Mode    Mode
	Created time.Time // UTC
	// Changes holds one entry for each instance, unchanged ones (NoOp) included, in execution order.
	Changes []*Change
	// Steps are the effects in an order that respects every dependency.
	Steps []Step
	// Outputs lists every output of the root module, by name.
	Outputs []OutputChange
	// Drift lists what others changed since the last run, as found by refreshing.
	Drift []*Change
	// Unread lists instances whose objects could not be read; the diagnostics that came with the plan say why. It is no
	// part of a plan file.
	Unread []addr.Instance
	// Findings lists what providers found wrong beside that, worst first, and Gauges what they measured. Only plans that
	// look for drift (RefreshOnly) have them.
	Findings []Finding
	Gauges   []Gauge
	// Targets restricts the plan; empty means everything.
	Targets []string
	// Reverts describes what a rollback undoes; nil in other modes.
	Reverts *Reverts
	// Generated are resource blocks for imports that have none. They are no part of a plan file, nor are their imports of
	// the plan: once the blocks are in the configuration, the next plan has them.
	Generated []Generated
	// Unfinished names a run that was interrupted and that this plan continues; 0 means none. UnfinishedNote says in a sentence what
	// the plan means for the last run, when that was interrupted.
	Unfinished     uint64
	UnfinishedNote string
	// Offline says that the plan was made from the state alone, without a look at the system. It shows what a change of the
	// configuration means, and cannot be applied.
	Offline bool
	// Warnings are what planning warned about, sorted: whoever reads the plan later must see them as well.
	Warnings []Warning

	hash string // of the form that it was read from; empty for a plan that was made
}

// Warning is a finding that did not stop the plan.
type Warning struct {
	Code            diag.Code
	Address         string // of the instance that it is about, or ""
	Summary, Detail string
	Range           hcl.Range // empty when no place is known
}

// Warnings returns the warnings among findings.
func Warnings(ds hcl.Diagnostics) (out []Warning) {
	for _, d := range ds {
		if d.Severity != hcl.DiagWarning {
			continue
		}
		w := Warning{Code: diag.CodeOf(d), Address: diag.AddressOf(d), Summary: d.Summary, Detail: d.Detail}
		if d.Subject != nil {
			w.Range = *d.Subject
		}
		out = append(out, w)
	}
	return out
}

// Diagnostics returns the warnings as findings again.
func (p *Plan) Diagnostics() (out hcl.Diagnostics) {
	for i := range p.Warnings {
		w := &p.Warnings[i]
		d := diag.Warning(w.Code, w.Summary, w.Detail, nil)
		if w.Range != (hcl.Range{}) {
			d.Subject = &w.Range
		}
		if w.Address != "" {
			diag.For(d, w.Address)
		}
		out = append(out, d)
	}
	return out
}

// Base is what a plan was made from. Applying it elsewhere is refused.
type Base struct {
	Lineage string
	// Serial of the state that was read; 0 when there was no state yet.
	Serial uint64
	// Key keys the fingerprints of secrets. A plan made before the first apply brings lineage and key into the world.
	Key []byte
	// Config is a hash over the configuration, Dir where it was, relative to nothing: as the user gave it.
	Config, Dir string
	// Clusters maps provider configurations (`kubernetes.east`) to the identity of what they are connected to.
	Clusters map[string]string
	// Places says for the same keys how people name it and where it is ("context prod, https://10.0.0.1:6443"). It is
	// shown and never compared: two people may reach one cluster by different names.
	Places    map[string]string
	Variables []Variable
}

// Variable is an input of the plan. The value of a sensitive one is null and its fingerprint is kept instead; an
// ephemeral one has neither.
type Variable struct {
	Name  string
	Value cty.Value // may be marked sensitive or ephemeral; sealed when stored

	stored *storedValue // set by Decode
}

// Mode says what a plan is for. The zero value is invalid.
type Mode uint8

// The modes of a plan.
const (
	Normal      Mode = iota + 1
	Destroy          // delete everything that is recorded
	RefreshOnly      // accept what others changed, touch nothing
	Rollback         // undo former runs
)

// Reverts says which runs a rollback undoes and what it cannot undo.
type Reverts struct {
	Runs []uint64 // newest first
	// To is the run whose outcome is restored; 0 means the state before the first of Runs.
	To uint64
	// Lost lists steps that cannot be undone, with the reason.
	Lost []Lost
	// Outputs are the output values to restore, as sealed.Encode writes them. Outputs that are not in it are evaluated
	// when the rollback is applied.
	Outputs map[string][]byte
}

// Generated is the text of a resource block.
type Generated struct {
	Addr addr.Instance
	Text []byte
}

// Lost is a step that a rollback leaves as it is.
type Lost struct {
	Addr   addr.Instance
	Run    uint64
	Reason string
}

// Change says what becomes of one instance.
type Change struct {
	Addr     addr.Instance
	Action   Action
	Reason   Reason
	Provider string // the provider configuration, for instance `kubernetes` or `kubernetes.east`
	// Before is null for a creation, After null for a deletion. After may be unknown in parts. Sensitive parts are
	// marked; after reading a plan file they are null and listed in Secret.
	Before, After cty.Value
	// BeforeSecret and AfterSecret list the paths of sensitive values that a plan file does not hold.
	BeforeSecret, AfterSecret []cty.Path
	// Former lists the paths of secrets of Before that are null there, since neither the state nor a plan file holds them, and that
	// differ from what comes in their place, if anything does.
	Former []cty.Path
	// Replace lists the attributes that force a replacement.
	Replace []cty.Path
	// CreateFirst says that this replacement creates the new object before it deletes the old one.
	CreateFirst bool
	// CreateBeforeDestroy is lifecycle.create_before_destroy, written or forced by what depends on the instance, as the
	// state will record it. A replacement can still be the other way round when old and new cannot exist together.
	CreateBeforeDestroy bool
	// Deposed names the former object (addr.Instance.Deposed) that Before becomes when CreateFirst is set.
	Deposed string
	// Revives names a former object that becomes the present one again; empty when the new object is made anew.
	Revives string
	// PreviousAddr is where the record was before: a block was renamed, or a former object takes its place again. Zero
	// when nothing moves.
	PreviousAddr addr.Instance
	// Import is the name by which an object that was not recorded is taken over; empty when it is not an import.
	Import string
	// Forgets says that the record goes once the object is as it was: a rollback gives an object back that was taken over.
	Forgets bool
	// DependsOn lists the direct dependencies, as the state will record them.
	DependsOn []addr.Instance
	// Protected is lifecycle.prevent_destroy.
	Protected bool
	Reverse   Reverse
	// Notes tell the reader about side effects and reasons; Restarts counts pods that will be restarted.
	Notes    []string
	Restarts int
	// Private is what the provider wants to have back at apply; PriorPrivate is what it recorded with Before. Neither
	// holds secrets.
	Private, PriorPrivate []byte
	// Adopted says that Before was found on the system although nothing was recorded.
	Adopted bool
	// Refreshed says of an object that stays as it is that its record is written all the same, and only for what the provider
	// remembers for itself, such as the version that it has read: nothing that a reader must know.
	Refreshed bool
	// Revision is that of the record which Before came from; 0 when there is none. A plan is stale when it has moved.
	Revision uint64
	// Range is the block in the configuration; empty for what is recorded only.
	Range hcl.Range

	before, after *storedValue // set by Decode
}

// Reverse says how a later rollback can undo the change.
type Reverse struct {
	Kind   ReverseKind
	Reason string // why not, for Irreversible
}

// ReverseKind is the way to undo a change. The zero value means that there is nothing to undo.
type ReverseKind uint8

// The ways to undo a change.
const (
	Nothing ReverseKind = iota
	Restore
	Irreversible
)

// OutputChange is the change of an output's value.
type OutputChange struct {
	Name          string
	Before, After cty.Value // null when absent; may be unknown, and marked sensitive
	Sensitive     bool
	Description   string

	before, after *storedValue // set by Decode
	changed       *bool        // set by Decode: in a file, two secrets look alike
}

// Changed reports whether the output's value becomes another one, or may do so.
func (o *OutputChange) Changed() bool {
	if o.changed != nil {
		return *o.changed
	}
	if o.Before == cty.NilVal || o.After == cty.NilVal {
		return o.Before != o.After
	}
	if o.Sensitive && o.Before.IsNull() != o.After.IsNull() {
		return true
	}
	before, _ := o.Before.UnmarkDeep()
	after, _ := o.After.UnmarkDeep()
	return !before.RawEquals(after)
}

// Step is one effect.
type Step struct {
	// Change is the index in Plan.Changes; -1 for a step that stands for all instances of a resource.
	Change int
	Op     Op
	// Deps are the indices of the steps that must have finished, each smaller than the step's own index.
	Deps []int
}

// Op is what a step does. The zero value is invalid.
type Op uint8

// The operations of steps. A replacement consists of two steps.
const (
	OpCreate Op = iota + 1
	OpUpdate
	OpDelete
	OpRead   // read a data source that could not be read while planning
	OpForget // drop the record and leave the object
	OpRecord // write the record only: what refreshing found, or new dependencies
	OpPass   // nothing: it carries the order between others
	OpClaim  // record an object that is as it should be under its new address, or after its import, and mark it so
)

func (o Op) String() string {
	switch o {
	case OpCreate:
		return "create"
	case OpUpdate:
		return "update"
	case OpDelete:
		return "delete"
	case OpRead:
		return "read"
	case OpForget:
		return "forget"
	case OpRecord:
		return "record"
	case OpPass:
		return "pass"
	case OpClaim:
		return "claim"
	}
	return "invalid"
}

// Find returns the change of an instance, or nil. It costs O(changes).
func (p *Plan) Find(a addr.Instance) *Change {
	for _, c := range p.Changes {
		if c.Addr == a {
			return c
		}
	}
	return nil
}

// Counts says how many objects a plan touches, or a run touched. An object that is imported and updated counts as both;
// one that only moves does not count.
type Counts struct{ Create, Update, Replace, Delete, Read, Forget, Import int }

// Total counts every touch but reads, imports and moves.
func (c Counts) Total() int { return c.Create + c.Update + c.Replace + c.Delete + c.Forget }

// Counts counts the changes by action.
func (p *Plan) Counts() (n Counts) {
	for _, c := range p.Changes {
		if c.Import != "" {
			n.Import++
		}
		switch c.Action {
		case Create:
			n.Create++
		case Update:
			n.Update++
		case Replace:
			n.Replace++
		case Delete:
			n.Delete++
		case Read:
			n.Read++
		case Forget:
			n.Forget++
		}
	}
	return n
}

// Empty reports whether applying the plan would change nothing: no object, no output, no address.
func (p *Plan) Empty() bool {
	if n := p.Counts(); n.Total() > 0 || n.Import > 0 {
		return false
	}
	for _, c := range p.Changes {
		if !c.PreviousAddr.IsZero() {
			return false
		}
	}
	for i := range p.Outputs {
		if p.Outputs[i].Changed() {
			return false
		}
	}
	return p.Mode != RefreshOnly || len(p.Drift) == 0
}
