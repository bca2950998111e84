package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/alarm"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
	"github.com/meshplan/meshplan/state"
)

// driftLook is one look for drift, from the flags to the exit code.
type driftLook struct {
	*console
	app     *app
	cmd     *cobra.Command
	in      *inputFlags
	plan    *planFlags
	flags   *driftFlags
	reports *reportFlags
	started time.Time

	w         *workspace
	ds        hcl.Diagnostics // of looking
	late      hcl.Diagnostics // of telling and measuring
	known     []*alarm.Acknowledgement
	snapshot  *state.Snapshot
	found     *plans.Plan // nil when nothing could be looked at
	division  alarm.Division
	report    render.DriftReport
	unplanned bool // the configuration could not be compared
}

// read looks at state, system and configuration. What is wrong is collected: drift of what can be read is shown in any
// case.
func (l *driftLook) read(sig *interrupts, dir string) {
	defer func() {
		l.report.At = l.app.now()
		for _, d := range l.ds {
			if d.Severity == hcl.DiagError {
				l.report.Failed = l.report.Failed || diag.CodeOf(d) != alarm.CodeAcknowledgement
				l.report.Problems = append(l.report.Problems, d.Summary+": "+d.Detail)
			}
		}
	}()
	l.readAcknowledgements()
	w, ds := l.app.open(l.cmd, dir, l.in, nil)
	l.w, l.files = w, w.config.Files
	l.ds = append(l.ds, ds...)
	l.report.Directory = dir
	if ds.HasErrors() || l.busy(sig.first, nil) {
		return
	}
	options := w.planOptions(l.plan)
	options.Mode = plans.RefreshOnly
	p, ds := w.plan(l.console, sig, l.plan, options)
	l.ds = append(l.ds, ds...)
	if sig.seen() || p == nil || l.busy(sig.first, p) {
		return
	}
	l.found = p
	l.report.Unread, l.report.Records, l.report.Clusters, l.report.Lineage = p.Unread, len(l.snapshot.Records), p.Base.Clusters, p.Base.Lineage
	l.compare(sig.first)
	l.judge()
}

// busy reports whether a run is under way, or has changed the state since a plan was made: what is halfway changed is no
// drift.
func (l *driftLook) busy(ctx context.Context, p *plans.Plan) bool {
	if prober, ok := l.w.store.(state.Prober); ok {
		held, by, err := prober.Locked(ctx)
		if err != nil {
			l.ds = append(l.ds, engine.StateError(err)...)
			return true
		}
		if held {
			l.report.InProgress = "another process works on the state"
			if by.User != "" {
				l.report.InProgress = fmt.Sprintf("%s@%s runs %q since %s", by.User, by.Host, by.Command, by.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
			}
			return true
		}
	}
	if p == nil {
		return false
	}
	var err error
	if l.snapshot, err = l.w.store.Snapshot(ctx); err != nil {
		l.ds = append(l.ds, engine.StateError(err)...)
		return true
	}
	if l.snapshot.Serial != p.Base.Serial {
		l.report.InProgress = "the state has changed while the objects were read"
		return true
	}
	return false
}

// compare finds what the configuration says and was not applied. It compares with the records, not with live objects,
// and asks nobody: what others changed stays out of it, and so does a system that does not answer. What depends on data
// sources is not known then, and does not count.
func (l *driftLook) compare(ctx context.Context) {
	options := l.w.planOptions(l.plan)
	options.Mode, options.Offline = plans.Normal, true
	p, ds := l.w.engine(nil, l.plan.parallelism).Plan(ctx, l.w.config, options)
	if p == nil || ds.HasErrors() {
		l.report.PendingUnknown, l.unplanned = "it cannot be planned without the cluster.", true
		for _, d := range ds {
			if d.Severity == hcl.DiagError {
				l.report.PendingUnknown = d.Summary + ": " + d.Detail
				break
			}
		}
		p = &plans.Plan{}
	}
	configured := map[addr.Instance]bool{}
	for _, c := range p.Changes {
		configured[c.Addr.Current()] = true
		if c.Action != plans.NoOp && c.Action != plans.Read && certain(c) {
			l.report.Pending = append(l.report.Pending, c)
		}
	}
	l.checkAcknowledged(configured)
}

// certain reports whether a change is one whatever the values turn out to be that are not known yet.
func certain(c *plans.Change) bool {
	if c.After == cty.NilVal || c.After.IsWhollyKnown() || c.Before == cty.NilVal || c.Before.IsNull() {
		return true
	}
	before, _ := c.Before.UnmarkDeep()
	after, _ := c.After.UnmarkDeep()
	filled, err := cty.Transform(after, func(p cty.Path, v cty.Value) (cty.Value, error) {
		if v.IsKnown() {
			return v, nil
		}
		was, err := p.Apply(before)
		if err != nil {
			return v, nil
		}
		return was, nil
	})
	return err != nil || !filled.RawEquals(before)
}

// code returns the exit code. What alarms counts more than what went wrong beside it.
func (l *driftLook) code() int {
	failed := codeOf(append(l.ds, l.late...))
	if len(l.division.Alarming) > 0 && l.flags.exitCode != exitOK {
		return l.flags.exitCode
	}
	return failed
}
