package engine

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

const (
	// CodeCondition: a precondition or postcondition does not hold.
	CodeCondition diag.Code = "config.condition-failed"
	// CodeCheck: an assertion of a check block does not hold, or cannot be decided. It is always a warning.
	CodeCheck diag.Code = "config.check-failed"
	// CodeInvalidConfig: a provider refuses a configuration whose parts are valid each by itself.
	CodeInvalidConfig diag.Code = "config.invalid"
)

// problem turns a finding of a schema into a diagnostic.
func problem(p schema.Problem) *hcl.Diagnostic {
	d := diag.Error(CodeInvalidConfig, p.Summary, p.Detail, nil)
	if p.Warning {
		d.Severity = hcl.DiagWarning
	}
	return diag.At(d, p.Path)
}

// checkRules evaluates conditions. One that is not known yet is left for the apply.
func checkRules(rules []*config.CheckRule, ctx *hcl.EvalContext, what string) (ds hcl.Diagnostics) {
	for _, rule := range rules {
		v, more := rule.Condition.Value(ctx)
		ds = append(ds, more...)
		if more.HasErrors() {
			continue
		}
		v, _ = v.Unmark()
		if !v.IsKnown() {
			continue
		}
		rng := rule.Condition.Range()
		ok, err := convert.Convert(v, cty.Bool)
		if err != nil || ok.IsNull() {
			ds = append(ds, diag.Error(CodeCondition, "Invalid condition", "The condition must be true or false.", &rng))
			continue
		}
		if ok.True() {
			continue
		}
		text := "The condition does not hold."
		if rule.ErrorMessage != nil {
			msg, more := rule.ErrorMessage.Value(ctx)
			if !more.HasErrors() && msg.IsKnown() && !msg.IsNull() && msg.Type() == cty.String {
				if schema.IsSensitive(msg) || schema.IsEphemeral(msg) {
					text = "The message refers to a sensitive value and is not shown."
				} else {
					text = msg.AsString()
				}
			}
		}
		ds = append(ds, diag.Error(CodeCondition, what+" failed", text, &rng))
	}
	return ds
}

// check is a `check` block in one instance of its module.
type check struct {
	cfg  *config.Check
	in   *module
	refs []ref
	data *resource // nil when it has none
}

func (c *check) node() node { return node{kind: nodeCheck, mod: c.in.path, name: c.cfg.Name} }

// addCheck registers a check and its data source.
func (w *world) addCheck(m *module, cfg *config.Check, cache map[*config.Resource]*blockRefs) hcl.Diagnostics {
	c := &check{cfg: cfg, in: m}
	var ds hcl.Diagnostics
	own := map[addr.Resource]bool{}
	if cfg.Data != nil {
		r, more := w.addResource(m, cfg.Data, cache)
		if ds = append(ds, more...); r == nil {
			return ds
		}
		r.check, c.data = c, r
		own[r.addr] = true
		c.refs = append(append(c.refs, r.refs...), r.depends...)
	}
	for _, r := range m.ruleReferences(&ds, cfg.Asserts) {
		if !own[r.Resource] {
			c.refs = append(c.refs, r)
		}
	}
	w.checks = append(w.checks, c)
	w.checkAt[c.node()] = c
	return ds
}

// visitCheck evaluates a check while planning. Whatever goes wrong is a warning.
func (p *planner) visitCheck(ctx context.Context, c *check) {
	_ = p.report(p.evaluateCheck(ctx, c, p.o.Offline))
}

// evaluateCheck reads the check's data source and decides its assertions.
func (w *world) evaluateCheck(ctx context.Context, c *check, offline bool) (ds hcl.Diagnostics) {
	b := &baseScope{}
	b.build(w, c.in, c.refs, dynamic)
	if c.data != nil {
		v, more := w.readCheckData(ctx, c, offline)
		ds = append(ds, more...)
		b.spaces.put(c.data.addr, v)
	}
	b.spaces.addTo(b.roots)
	scope := &hcl.EvalContext{Variables: b.roots, Functions: c.in.functions}
	for _, rule := range c.cfg.Asserts {
		more := checkRules([]*config.CheckRule{rule}, scope, "Check")
		if len(more) == 0 && !w.applying {
			if v, errs := rule.Condition.Value(scope); !errs.HasErrors() && !v.IsKnown() {
				more = append(more, diag.Warning(CodeCheck, "Check is not known yet", "Whether check \""+c.cfg.Name+"\" holds is only known after apply.", rule.Condition.Range().Ptr()))
			}
		}
		ds = append(ds, more...)
	}
	return asWarnings(ds)
}

// readCheckData reads the data source of a check. What cannot be read or is not known is unknown.
func (w *world) readCheckData(ctx context.Context, c *check, offline bool) (cty.Value, hcl.Diagnostics) {
	unknown := cty.UnknownVal(c.data.schema.Block.Type())
	if !c.data.expanded {
		c.data.addInstances([]addr.Key{addr.NoKey}, nil)
	}
	i := c.data.instances[0]
	i.config = cty.NilVal
	v, ds := w.evaluate(i)
	if ds.HasErrors() || offline || c.data.prov.pending || !v.IsWhollyKnown() {
		return unknown, ds
	}
	got, more := w.readData(ctx, i, v)
	if ds = append(ds, more...); ds.HasErrors() {
		return unknown, ds
	}
	return got, ds
}

// asWarnings makes errors harmless.
func asWarnings(ds hcl.Diagnostics) hcl.Diagnostics {
	out := make(hcl.Diagnostics, len(ds))
	for n, d := range ds {
		c := *d
		c.Severity = hcl.DiagWarning
		if diag.CodeOf(d) == CodeCondition {
			c.Extra = diag.Extra{Code: CodeCheck}
		}
		out[n] = &c
	}
	return out
}
