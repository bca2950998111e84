package schema

import "github.com/zclconf/go-cty/cty"

// Propose returns what a resource would be if its provider decided nothing: the configuration, with computed attributes
// taken from prior where the configuration is silent, or unknown when prior is null (the object is to be created).
// Computed attributes inside nested blocks are proposed only where prior has the same shape. Both values are of type
// Type; marks are kept. It costs O(attributes and nested blocks).
func (b *Block) Propose(prior, config cty.Value) cty.Value {
	if config.IsNull() || !config.IsKnown() {
		return config
	}
	config, marks := config.Unmark()
	var before map[string]cty.Value
	if prior != cty.NilVal && !prior.IsNull() && prior.IsKnown() {
		p, _ := prior.Unmark()
		before = p.AsValueMap()
	}
	attrs := config.AsValueMap()
	for name, a := range b.Attributes {
		if !a.Computed || !attrs[name].IsNull() {
			continue
		}
		if before != nil {
			attrs[name] = before[name]
		} else {
			attrs[name] = cty.UnknownVal(a.Type.WithoutOptionalAttributesDeep())
		}
	}
	for name, n := range b.Blocks {
		if n.Nesting == Single && n.Block.hasComputed() {
			was := n.Block.Null()
			if before != nil {
				was = before[name]
			}
			attrs[name] = n.Block.Propose(was, attrs[name])
		}
	}
	return cty.ObjectVal(attrs).WithMarks(marks)
}

// Refine adds what the schema promises about computed attributes to those that v, an unmarked object, leaves unknown. It
// costs O(attributes) and nothing when there is no such promise.
func (b *Block) Refine(v cty.Value) cty.Value {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() {
		return v
	}
	var attrs map[string]cty.Value
	for name, a := range b.Attributes {
		if !a.NeverNull || !v.Type().HasAttribute(name) {
			continue
		}
		got := v.GetAttr(name)
		if got.IsKnown() || got.Type() == cty.DynamicPseudoType {
			continue
		}
		if attrs == nil {
			attrs = v.AsValueMap()
		}
		attrs[name] = got.RefineNotNull()
	}
	if attrs == nil {
		return v
	}
	return cty.ObjectVal(attrs)
}

// Configured returns the configuration that would give v: v without what only the provider can set. Rollback plans a
// former record with it. Attributes that are both optional and computed keep their value.
func (b *Block) Configured(v cty.Value) cty.Value {
	if v.IsNull() || !v.IsKnown() {
		return v
	}
	v, marks := v.Unmark()
	attrs := v.AsValueMap()
	for name, a := range b.Attributes {
		if !a.Settable() {
			attrs[name] = cty.NullVal(a.Type)
		}
	}
	for name, n := range b.Blocks {
		if n.Nesting == Single {
			attrs[name] = n.Block.Configured(attrs[name])
		}
	}
	return cty.ObjectVal(attrs).WithMarks(marks)
}

func (b *Block) hasComputed() bool {
	for _, a := range b.Attributes {
		if a.Computed {
			return true
		}
	}
	for _, n := range b.Blocks {
		if n.Block.hasComputed() {
			return true
		}
	}
	return false
}

// ReplacePaths returns the paths of attributes marked Replace whose values differ between prior and planned, in order of
// name. A planned unknown counts as a difference.
func (b *Block) ReplacePaths(prior, planned cty.Value) []cty.Path {
	if prior.IsNull() || planned.IsNull() {
		return nil
	}
	p, _ := prior.Unmark()
	n, _ := planned.Unmark()
	var out []cty.Path
	for _, name := range b.Names() {
		a := b.Attributes[name]
		if a == nil || !a.Replace {
			continue
		}
		was, now := p.GetAttr(name), n.GetAttr(name)
		if was.RawEquals(now) {
			continue
		}
		was, _ = was.UnmarkDeep()
		now, _ = now.UnmarkDeep()
		if !was.RawEquals(now) {
			out = append(out, cty.GetAttrPath(name))
		}
	}
	return out
}
