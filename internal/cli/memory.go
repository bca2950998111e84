package cli

import (
	"runtime/debug"

	"github.com/meshplan/meshplan/plans"
)

const (
	// planGarbage is how much garbage in percent of what is in use the collector lets be while a plan is made. Less than
	// Go's 100 keeps the plan of 5,000 objects below 200 MiB, for a tenth more processor time.
	planGarbage = 70
	// applyGarbage is the same for an apply, where each object leaves ten times its size behind: collecting less often
	// gives the processor to the writes.
	applyGarbage = 300
	// applyMost is how many changes an apply may have for that: above it, memory counts more than time.
	applyMost = 20_000
)

// collect sets how often the memory of the process is collected, unless GOGC says so.
func (a *app) collect(percent int) {
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// collectForApply is collect for the apply of a plan.
func (a *app) collectForApply(p *plans.Plan) {
	if len(p.Changes) <= applyMost {
		a.collect(applyGarbage)
	}
}
