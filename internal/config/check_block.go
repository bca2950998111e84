package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// checkBlock reads a `check` block.
func (d *decoder) checkBlock(b *hcl.Block) {
	c := &Check{Name: b.Labels[0], DeclRange: b.DefRange}
	if first, ok := d.module.Checks[c.Name]; ok {
		d.duplicate("check", c.Name, b.DefRange, first.DeclRange)
		return
	}
	content := d.content(b.Body, &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "assert"}, {Type: "data", LabelNames: []string{"type", "name"}}}})
	found := false
	for _, inner := range content.Blocks {
		switch {
		case inner.Type == "assert":
			found = true
			if r := d.rule(inner); r != nil {
				c.Asserts = append(c.Asserts, r)
			}
		case c.Data != nil:
			d.report(diag.Error(CodeDuplicate, "Second data block in check", fmt.Sprintf("A check can have one data block, and the first is at %s. Move this one out of the check, or into a check "+
				"of its own.", position(c.Data.DeclRange)), inner.DefRange.Ptr()))
		case d.labelsValid(inner):
			c.Data = d.checkData(c, inner)
		}
	}
	if !found {
		d.report(diag.Error(CodeMissingArgument, "Check without assertion", fmt.Sprintf("The check %q has no assert block, so it would check nothing. Add assert { condition = …, "+
			"error_message = \"…\" }.", c.Name), b.DefRange.Ptr()))
	}
	d.module.Checks[c.Name] = c
}

// checkData reads the data source of a check. It is always read, once, so it cannot be repeated; and its own conditions
// are the assertions.
func (d *decoder) checkData(c *Check, b *hcl.Block) *Resource {
	r := d.resource(b)
	if r == nil {
		return nil
	}
	at := hcl.Range{}
	what := ""
	switch {
	case r.Count != nil:
		at, what = r.Count.Range(), "count"
	case r.ForEach != nil:
		at, what = r.ForEach.Range(), "for_each"
	case r.Enabled != nil:
		at, what = r.Enabled.Range(), "enabled"
	case r.Lifecycle.Range != (hcl.Range{}):
		at, what = r.Lifecycle.Range, "lifecycle"
	}
	if what != "" {
		d.report(diag.Error(CodeUnsupported, "Unsupported in a check", fmt.Sprintf("The data source of a check is read once, and judged by the assertions, so it cannot have %q. Move the data "+
			"block out of the check to use it.", what), at.Ptr()))
		r.Count, r.ForEach, r.Enabled, r.Lifecycle = nil, nil, nil, Lifecycle{}
	}
	first, ok := d.addresses.checkData[r.Addr]
	if other := d.module.Resources[r.Addr]; other != nil {
		first, ok = other.DeclRange, true
	}
	if ok { // an assertion could mean either
		d.duplicate("data source", r.Addr.String(), b.DefRange, first)
		return nil
	}
	d.addresses.checkData[r.Addr] = b.DefRange
	return r
}
