package engine

import (
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// Event is something that happens during a run. The set of events is closed.
type Event interface{ event() }

// Sink receives events, in order and from one goroutine at a time. It must not block for long.
type Sink interface{ Handle(Event) }

// RefreshStarted says that recorded objects are being read.
type RefreshStarted struct{ Total int }

// RefreshDone says how long it took and how many differ from their records.
type RefreshDone struct {
	Total, Drifted int
	Elapsed        time.Duration
}

// RunStarted opens an apply. Steps that only carry order are not counted.
type RunStarted struct {
	Run   state.RunID
	Plan  *plans.Plan
	Total int
	// Done lists steps that an earlier run of the same plan has finished; they are not counted.
	Done []int
}

// StepStarted says that a step begins to work.
type StepStarted struct{ Step Step }

// StepProgress is what a provider says meanwhile.
type StepProgress struct {
	Step     Step
	Progress providers.Progress
	Elapsed  time.Duration
}

// StepDone says that a step took effect.
type StepDone struct {
	Step    Step
	Elapsed time.Duration
}

// StepFailed says that a step failed; Diagnostics say why.
type StepFailed struct {
	Step        Step
	Elapsed     time.Duration
	Diagnostics hcl.Diagnostics
}

// StepSkipped says that a step cannot run because Cause failed, or, with a zero Cause, because the run was stopped.
type StepSkipped struct {
	Step  Step
	Cause addr.Instance
}

// Stopping says that the run was interrupted: what is in flight finishes, nothing new starts.
type Stopping struct{ InFlight []addr.Instance }

// RunDone closes an apply.
type RunDone struct{ Result *Result }

// Step names a step in events.
type Step struct {
	Index  int // in plans.Plan.Steps
	Addr   addr.Instance
	Op     plans.Op
	Action plans.Action // of the change that the step belongs to
}

func (RefreshStarted) event() {}
func (RefreshDone) event()    {}
func (RunStarted) event()     {}
func (StepStarted) event()    {}
func (StepProgress) event()   {}
func (StepDone) event()       {}
func (StepFailed) event()     {}
func (StepSkipped) event()    {}
func (Stopping) event()       {}
func (RunDone) event()        {}
