package engine

import (
	"fmt"
	"slices"

	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// interruptedNote says what a plan means for the last run, which did not come to its end; "" when there is none. Only a plan that
// wants the same goes on with it: after a destroy, a plan of the configuration makes everything again.
func interruptedNote(run *state.Run, p *plans.Plan) string {
	if run == nil {
		return ""
	}
	to := uint64(0)
	if len(run.Reverts) > 0 {
		to = uint64(slices.Min(run.Reverts)) - 1
	}
	switch {
	case p.Mode == plans.Rollback && (run.Mode != plans.Rollback.String() || p.Reverts.To != to):
		return fmt.Sprintf("Run %d was interrupted; what it did until then is undone.", run.ID)
	case p.Mode.String() == run.Mode:
		return fmt.Sprintf("Run %d was interrupted; this plan goes on from where it stopped.", run.ID)
	case p.Mode == plans.RefreshOnly:
		return fmt.Sprintf("Run %d was interrupted; this plan does not go on with it.", run.ID)
	case p.Mode == plans.Destroy:
		return fmt.Sprintf("Run %d was interrupted; what it made until then is deleted as well.", run.ID)
	case run.Mode == plans.Destroy.String():
		return fmt.Sprintf("Run %d, a destroy, was interrupted. This plan does not go on with it: it makes again what that run deleted. To go on, run \"meshplan destroy\".", run.ID)
	case run.Mode == plans.Rollback.String():
		return fmt.Sprintf("Run %d, a rollback, was interrupted. This plan does not go on with it: it wants what the configuration says. To go on, run \"meshplan rollback --to %d\".", run.ID, to)
	}
	return fmt.Sprintf("Run %d was interrupted.", run.ID)
}
