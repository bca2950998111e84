package plans

import "fmt"

// Action is what happens to an instance. The zero value is invalid.
type Action uint8

// The actions.
const (
	NoOp Action = iota + 1
	Create
	Update
	Replace
	Delete
	Read   // a data source that can only be read while applying
	Forget // the record goes, the object stays
)

var actions = [...]struct{ name, symbol string }{
	NoOp: {"no-op", " "}, Create: {"create", "+"}, Update: {"update", "~"}, Replace: {"replace", "-/+"},
	Delete: {"delete", "-"}, Read: {"read", "<="}, Forget: {"forget", "."},
}

// String returns the action's name, for instance `create`.
func (a Action) String() string {
	if int(a) < len(actions) && a > 0 {
		return actions[a].name
	}
	return fmt.Sprintf("invalid action %d", a)
}

// Symbol returns the sign that plans show in front of an address.
func (a Action) Symbol() string {
	if int(a) < len(actions) && a > 0 {
		return actions[a].symbol
	}
	return "?"
}

// Reason explains an action to people; it never drives behaviour. The zero value means that the action speaks for
// itself.
type Reason uint8

// The reasons.
const (
	NoReason          Reason = iota
	BecauseGone              // recorded, but the object has disappeared
	BecauseRequested         // --replace
	BecauseAttribute         // an attribute cannot be changed in place
	BecauseTriggered         // lifecycle.replace_triggered_by
	BecauseIncomplete        // the last creation or wait failed half-way
	BecauseAgain             // the provider asks to go on with it
	BecauseAdopted           // the object exists already and is taken over
	BecauseNoConfig          // the block is gone from the configuration
	BecauseNoKey             // the instance key is gone from for_each or count
	BecauseDisabled          // enabled = false
	BecauseDestroy           // destroy was asked for
	BecauseRollback          // rollback was asked for
	BecauseDrifted           // changed by others since the last run
	BecauseDeferred          // a data source depends on something that changes
	BecauseDeposed           // a former object that its replacement has left over
	BecauseRemoved           // a removed block says so
)

var reasons = [...]string{
	NoReason: "", BecauseGone: "object disappeared", BecauseRequested: "replacement requested", BecauseAttribute: "cannot be changed in place",
	BecauseTriggered: "replacement triggered", BecauseIncomplete: "incomplete, continues", BecauseAgain: "continues",
	BecauseAdopted: "exists already, adopted", BecauseNoConfig: "not in configuration", BecauseNoKey: "key not in for_each or count",
	BecauseDisabled: "disabled", BecauseDestroy: "", BecauseRollback: "", BecauseDrifted: "changed outside meshplan",
	BecauseDeferred: "depends on changes", BecauseDeposed: "left over from a replacement", BecauseRemoved: "removed block",
}

// String returns a few words for people, or "".
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return fmt.Sprintf("invalid reason %d", r)
}

func (m Mode) String() string {
	switch m {
	case Normal:
		return "normal"
	case Destroy:
		return "destroy"
	case RefreshOnly:
		return "refresh-only"
	case Rollback:
		return "rollback"
	}
	return "invalid"
}
