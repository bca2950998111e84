package engine

import (
	"context"
	"fmt"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// isUnderWay reports whether the last run is not dead but at work, as the lock tells. A store that cannot be asked, or does not
// answer, counts as one that nobody works on: its lock tells when it matters.
func (w *world) isUnderWay(ctx context.Context) bool {
	prober, ok := w.engine.store.(state.Prober)
	if !ok {
		return false
	}
	held, _, err := prober.Locked(ctx)
	return err == nil && held
}

// noteLastRun finds out what became of the last run when that did not come to its end, and says in the plan what the plan means
// for it. Only a plan that wants the same goes on with it: after a destroy, a plan of the configuration makes everything again.
func (w *world) noteLastRun(ctx context.Context, p *plans.Plan) {
	run := w.snapshot.UnfinishedRun
	if run == nil {
		return
	}
	if w.underWay = w.isUnderWay(ctx); w.underWay {
		p.UnfinishedNote = fmt.Sprintf("Run %d of %s@%s is under way: this plan shows its work half done, and cannot be applied.", run.ID, diag.Scrub(run.Holder.User), diag.Scrub(run.Holder.Host))
		return
	}
	if p.Mode.String() == run.Mode && (p.Mode != plans.Rollback || p.Reverts.To == restores(run)) {
		p.Unfinished = uint64(run.ID)
	}
	p.UnfinishedNote = noteInterrupted(p, run)
}

// noteInterrupted is the sentence about a run that is dead.
func noteInterrupted(p *plans.Plan, run *state.Run) string {
	switch {
	case p.Unfinished > 0:
		return fmt.Sprintf("Run %d was interrupted; this plan goes on from where it stopped.", run.ID)
	case p.Mode == plans.Rollback:
		return fmt.Sprintf("Run %d was interrupted; what it did until then is undone.", run.ID)
	case p.Mode == plans.RefreshOnly:
		return fmt.Sprintf("Run %d was interrupted; this plan does not go on with it.", run.ID)
	case p.Mode == plans.Destroy:
		return fmt.Sprintf("Run %d was interrupted; what it made until then is deleted as well.", run.ID)
	case run.Mode == plans.Destroy.String():
		return fmt.Sprintf("Run %d, a destroy, was interrupted. This plan does not go on with it: it makes again what that run deleted. To go on, run \"meshplan destroy\".", run.ID)
	case run.Mode == plans.Rollback.String():
		return fmt.Sprintf("Run %d, a rollback, was interrupted. This plan does not go on with it: it wants what the configuration says. To go on, run \"meshplan rollback --to %d\".", run.ID, restores(run))
	}
	return fmt.Sprintf("Run %d was interrupted.", run.ID)
}
