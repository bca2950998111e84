package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// underWay reports whether the last run of a snapshot is not dead but at work, as the lock tells. A store that cannot be asked, or
// does not answer, counts as one that nobody works on: its lock tells when it matters.
func (e *Engine) underWay(ctx context.Context, snap *state.Snapshot) bool {
	prober, ok := e.store.(state.Prober)
	if !ok || snap.UnfinishedRun == nil {
		return false
	}
	held, _, err := prober.Locked(ctx)
	return err == nil && held
}

// noteInterrupted says in a plan what it means for the last run, when that did not come to its end. Only a plan that wants the
// same goes on with it: after a destroy, a plan of the configuration makes everything again.
func noteInterrupted(p *plans.Plan, run *state.Run, underWay bool) {
	switch {
	case run == nil:
		return
	case underWay:
		p.UnfinishedNote = fmt.Sprintf("Run %d of %s@%s is under way: this plan shows its work half done, and cannot be applied.", run.ID, diag.Scrub(run.Holder.User), diag.Scrub(run.Holder.Host))
		return
	}
	p.UnfinishedNote = fmt.Sprintf("Run %d was interrupted.", run.ID)
	to := uint64(0)
	if len(run.Reverts) > 0 {
		to = uint64(slices.Min(run.Reverts)) - 1
	}
	switch {
	case p.Mode == plans.Rollback && (run.Mode != plans.Rollback.String() || p.Reverts.To != to):
		p.UnfinishedNote = fmt.Sprintf("Run %d was interrupted; what it did until then is undone.", run.ID)
	case p.Mode.String() == run.Mode:
		p.Unfinished = uint64(run.ID)
		p.UnfinishedNote = fmt.Sprintf("Run %d was interrupted; this plan goes on from where it stopped.", run.ID)
	case p.Mode == plans.RefreshOnly:
		p.UnfinishedNote = fmt.Sprintf("Run %d was interrupted; this plan does not go on with it.", run.ID)
	case p.Mode == plans.Destroy:
		p.UnfinishedNote = fmt.Sprintf("Run %d was interrupted; what it made until then is deleted as well.", run.ID)
	case run.Mode == plans.Destroy.String():
		p.UnfinishedNote = fmt.Sprintf("Run %d, a destroy, was interrupted. This plan does not go on with it: it makes again what that run deleted. To go on, run \"meshplan destroy\".", run.ID)
	case run.Mode == plans.Rollback.String():
		p.UnfinishedNote = fmt.Sprintf("Run %d, a rollback, was interrupted. This plan does not go on with it: it wants what the configuration says. To go on, run \"meshplan rollback --to %d\".", run.ID, to)
	}
}
