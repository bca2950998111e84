package kube

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers"
)

// The values of the `on_exists`, `on_destroy`, `conflicts` and `on_immutable` attributes.
const (
	OnExistsError   = "error" // refuse to touch an object that we did not make
	OnExistsAdopt   = "adopt" // take it over
	OnDestroyDelete = "delete"
	OnDestroyOrphan = "orphan" // leave the object, remove our marks
	ConflictsError  = "error"  // refuse to take fields from another manager
	ConflictsForce  = "force"  // take them
	ConflictsYield  = "yield"  // leave them

	OnImmutableReplace = "replace" // delete and make again
	OnImmutableOrphan  = "orphan"  // delete without what belongs to it, such as pods, which the new one finds again
	OnImmutableRefuse  = "refuse"  // leave it as it is and say why
)

// SetOptions say how to treat what exists already. The zero value is the careful one: error, delete, error; with empty Conflicts
// nothing suggests another choice, as a type without that attribute has none.
type SetOptions struct {
	OnExists, OnDestroy, Conflicts string
	// FieldConflicts is Conflicts for single fields and what is below them, by path: spec.replicas,
	// spec.template.spec.containers[name=app].image, or [*] for all elements of a list.
	FieldConflicts map[string]string
	// OnImmutable says what to do about fields that the server does not change on a live object. Empty means to replace,
	// and to refuse for kinds whose deletion destroys more than the object.
	OnImmutable string
	// Manager is the field manager; empty means FieldManager. Two resources that share an object must not share it.
	Manager string
	// Partial says that the objects belong to others and only the fields given are ours: no ownership marks are set, the
	// object must exist, and deleting the set gives the fields back.
	Partial bool
	// Recreate lets ApplySet delete and create an object whose change the server refuses. Without it, the caller
	// replaces the resource instance as a whole.
	Recreate bool
}

// Desired is one object as it is asked for.
type Desired struct {
	Object *unstructured.Unstructured
	// Unknown lists fields that are not known yet; Object lacks them.
	Unknown []Path
	// Null lists fields that are set to null; Object lacks them.
	Null []Path
}

// Objects wraps wholly known objects.
func Objects(objects ...*unstructured.Unstructured) []Desired {
	out := make([]Desired, len(objects))
	for i, u := range objects {
		out[i] = Desired{Object: u}
	}
	return out
}

// SetPlanRequest asks what ApplySet would do. An empty Desired plans the deletion of everything in Prior.
type SetPlanRequest struct {
	providers.Owner
	Prior   Record
	Desired []Desired
	Options SetOptions
	// Replacing expects the names to be free, because the objects are deleted first.
	Replacing bool
	// Offline forbids the network: the plan compares with Prior alone.
	Offline bool
}

// Action is what is done to one object. The zero value is invalid.
type Action uint8

// The actions on an object.
const (
	NoOp Action = iota + 1
	Create
	Update
	Adopt // an update of an object that exists and was not ours
	Replace
	Delete
	Forget // the object stays, our marks go
)

// String returns the action in lower case.
func (a Action) String() string {
	if int(a) >= len(actionNames) {
		return "invalid"
	}
	return actionNames[a]
}

var actionNames = [...]string{"invalid", "no-op", "create", "update", "adopt", "replace", "delete", "forget"}

// ObjectPlan is what would be done to one object.
type ObjectPlan struct {
	Ref
	Action Action
	// Before is the live object at the fields of After, nil for a creation. After is the object as asked for, nil for a
	// deletion.
	Before, After *unstructured.Unstructured
	// Changes are the fields of ours that change, sorted.
	Changes []string
	// Immutable are the fields whose change the server refuses; Action is Replace when there are any.
	Immutable []string
	// UID is that of the live object; empty for a creation.
	UID string
	// Deferred says why the server was not asked (the kind or namespace is made by the same plan).
	Deferred string
	// Restarts is how many running pods the change restarts.
	Restarts int
	Notes    []string
}

// SetPlan is what would be done to a set.
type SetPlan struct {
	// Objects are in the order of execution: those to be written in Rank order, then deletions in reverse Rank order.
	// Objects with nothing to do are included.
	Objects []ObjectPlan
	// Private goes to ApplySet: what was observed, without values.
	Private  []byte
	Notes    []string
	Restarts int
}

// Changed reports whether anything is to be done.
func (p SetPlan) Changed() bool {
	for i := range p.Objects {
		if p.Objects[i].Action != NoOp {
			return true
		}
	}
	return false
}

// Find returns the plan for an object, or nil.
func (p SetPlan) Find(id ID) *ObjectPlan {
	for i := range p.Objects {
		if p.Objects[i].ID() == id {
			return &p.Objects[i]
		}
	}
	return nil
}

// SetApplyRequest asks to make the objects as desired and to delete those of Prior that are not.
type SetApplyRequest struct {
	providers.Owner
	Prior   Record
	Planned []byte // SetPlan.Private
	Desired []Desired
	Options SetOptions
	// Step may be nil.
	Step providers.Step
	// Checkpoint is called with the record so far after every write that a wait follows, and may be nil. It is never
	// called concurrently.
	Checkpoint func(Record) error
	// Wait says what to wait for after the writes; nil means only for what later objects of the set need (CRDs are
	// established).
	Wait *WaitOptions
}

// SetResult is what became of a set. With an error in the diagnostics it says how far it came.
type SetResult struct {
	Record Record
	// Live are the objects as the server returned them, by identity.
	Live map[ID]*unstructured.Unstructured
}

// SetRead asks about the objects of one instance.
type SetRead struct {
	providers.Owner
	Record Record
	// Desired are the objects as recorded, secrets absent. They give the shape onto which live objects are projected.
	Desired []Desired
	// Later gives Desired, and is called only when an object has to be compared: of an unchanged world, nothing is
	// converted. It is not used when Desired is set, or when the set is unresolved.
	Later func() []Desired
	// Unresolved looks the desired objects up by name and takes those that carry the owner's mark. Whatever has changed since it
	// was recorded is compared.
	Unresolved bool
	// Options are those that the objects were applied with.
	Options SetOptions
}

// SetState says what became of the objects of one instance.
type SetState struct {
	Objects []ObjectState
	// Record is the record brought up to date: the next plan needs no request for objects that did not change.
	Record Record
	// Diagnostics about this instance only.
	Diagnostics hcl.Diagnostics
}

// Exists reports whether any object of the set is there.
func (s SetState) Exists() bool {
	for i := range s.Objects {
		if s.Objects[i].Exists {
			return true
		}
	}
	return false
}

// ObjectState is one object as it was found.
type ObjectState struct {
	Ref
	UID    string
	Exists bool
	// Live is the whole live object; nil when it was not fetched because nothing of ours changed.
	Live *unstructured.Unstructured
	// Drift lists differences in fields of ours, in order of path.
	Drift []Drift
	// Terminating lists the finalizers of an object that is being deleted; nil when it is not.
	Terminating []string
}

// Drift is one field whose live value differs from what we applied.
type Drift struct {
	Path Path
	// Live is the value in the cluster in JSON terms; nil when the field is gone.
	Live any
	// Secret says that the value must not be shown: it belongs to a Secret or was withheld.
	Secret bool
}

// SetDeleteRequest asks to delete all objects of a record.
type SetDeleteRequest struct {
	providers.Owner
	Record  Record
	Options SetOptions
	Step    providers.Step // may be nil
	// Checkpoint as in SetApplyRequest.
	Checkpoint func(Record) error
	// Timeout for each object to be gone; 0 means 5 minutes (10 for a namespace).
	Timeout time.Duration
	// Propagation is "Background", "Foreground" or "Orphan". When empty it is "Foreground" for workloads that something is
	// deleted after, in this set or, as a Step with providers.Awaiter says, elsewhere in the run; otherwise "Background".
	Propagation string
}
