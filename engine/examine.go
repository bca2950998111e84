package engine

import (
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// Examined is what was found out about one system that the configuration works with.
type Examined struct {
	Permissions
	// Location says where it is, as providers.Locator does; "" when it was not reached.
	Location string
	// Answers says that it was reached and can be asked about rights. One that the state does not belong to is not asked.
	Answers  bool
	Findings []providers.Examination
	// Diagnostics say what cannot be known, and why.
	Diagnostics hcl.Diagnostics
}

// Examine looks whether a run could do its work: whether every system that the configuration leads to answers, is the one of
// the state, and is fit. It writes nothing. The diagnostics are about the configuration; with errors nothing was asked.
func (e *Engine) Examine(ctx context.Context, c *config.Config, o PermitOptions) ([]Examined, hcl.Diagnostics) {
	p, ds := e.permits(ctx, c, o)
	if ds.HasErrors() {
		return nil, ds
	}
	places, more := p.places(ctx)
	var out []Examined
	for _, place := range places {
		x := Examined{Permissions: place}
		for _, key := range place.Providers {
			p.examine(ctx, p.providers[key], &x)
		}
		out = append(out, x)
	}
	return out, diag.Sort(append(ds, more...))
}

// examine adds what one provider says of its system.
func (w *world) examine(ctx context.Context, p *provider, x *Examined) {
	if p.pending {
		x.Findings = append(x.Findings, providers.Examination{Health: providers.Doubtful, Text: "provider " + p.key + " is not known yet",
			Advice: "Its configuration follows from what an apply makes, so its system was not looked at."})
		return
	}
	ds := w.identifyOne(ctx, p)
	x.add(ds)
	x.Answers = x.Answers || !ds.HasErrors() || diag.AllRefused(ds) // one that says no has answered
	if ds.HasErrors() {
		return
	}
	if x.Location == "" {
		x.Location = p.location
	}
	if examiner, ok := p.instance.(providers.Examiner); ok {
		found, more := examiner.Examine(ctx)
		x.Findings = append(x.Findings, found...)
		x.add(p.place(more))
	}
}

// add takes diagnostics over, once where several providers say the same of one system.
func (x *Examined) add(ds hcl.Diagnostics) {
	for _, d := range ds {
		if !slices.ContainsFunc(x.Diagnostics, func(o *hcl.Diagnostic) bool { return o.Summary == d.Summary && o.Detail == d.Detail }) {
			x.Diagnostics = append(x.Diagnostics, d)
		}
	}
}
