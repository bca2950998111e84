package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/dynblock"
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
)

const (
	// CodeInvalidValue: an attribute's value has the right type but is not allowed.
	CodeInvalidValue diag.Code = "config.invalid-value"
	// CodeDeprecated: a value is given to an attribute, or to a variable of a module, that is deprecated; the text says what to
	// use instead.
	CodeDeprecated diag.Code = "config.deprecated"
	// CodeComputed: configuration sets an attribute that only the provider can set.
	CodeComputed diag.Code = "config.computed"
	// CodeMissingAttribute: a required attribute or block is not there.
	CodeMissingAttribute diag.Code = "config.missing-attribute"
	// CodeWrongType: an attribute's value has another type than the attribute.
	CodeWrongType diag.Code = "config.wrong-type"
	// CodeUnknownAttribute: a block or attribute has a name that the type does not have.
	CodeUnknownAttribute diag.Code = "config.unknown-attribute"
)

// summaryMissing is the summary of the diagnostic about a required attribute that is null.
const summaryMissing = "Missing value"

// prepare builds what is derived from the declaration, once.
func (b *Block) prepare() {
	b.once.Do(func() {
		b.spec = make(hcldec.ObjectSpec, len(b.Attributes)+len(b.Blocks))
		for name, a := range b.Attributes {
			b.spec[name] = a.decoder(name)
			if a.Sensitive {
				b.secrets = append(b.secrets, name)
			}
		}
		for name, n := range b.Blocks {
			b.spec[name] = n.decoder(name)
			if n.Block.hasSensitive() {
				b.secrets = append(b.secrets, name)
			}
		}
		b.names = slices.Sorted(maps.Keys(b.spec))
		slices.Sort(b.secrets)
		b.typ = hcldec.ImpliedType(b.spec).WithoutOptionalAttributesDeep()
	})
}

func (a *Attribute) decoder(name string) hcldec.Spec {
	if !a.Settable() {
		return &hcldec.LiteralSpec{Value: cty.NullVal(a.Type)}
	}
	var s hcldec.Spec = &hcldec.AttrSpec{Name: name, Type: a.Type, Required: a.Required}
	if a.Type == cty.DynamicPseudoType {
		s = untypedNulls(s)
	}
	if a.Required || a.Validate != nil || len(a.OneOf) > 0 || a.Deprecated != "" || holdsNumbers(a.Type) || refusesNulls(a.Type) {
		s = &hcldec.ValidateSpec{Wrapped: s, Func: func(v cty.Value) hcl.Diagnostics { return a.check(name, v) }}
	}
	if a.Default != cty.NilVal {
		s = &hcldec.DefaultSpec{Primary: s, Default: &hcldec.LiteralSpec{Value: a.Default}}
	}
	return s
}

func (n *NestedBlock) decoder(name string) hcldec.Spec {
	n.Block.prepare()
	limit, least := n.Max, 0
	if n.Required {
		least = 1
	}
	switch n.Nesting {
	case Single:
		return &hcldec.BlockSpec{TypeName: name, Nested: n.Block.spec, Required: n.Required}
	case List:
		if n.Block.typ.HasDynamicTypes() {
			return &hcldec.BlockTupleSpec{TypeName: name, Nested: n.Block.spec, MinItems: least, MaxItems: limit}
		}
		return &hcldec.BlockListSpec{TypeName: name, Nested: n.Block.spec, MinItems: least, MaxItems: limit}
	case Map:
		if n.Block.typ.HasDynamicTypes() {
			return &hcldec.BlockObjectSpec{TypeName: name, Nested: n.Block.spec, LabelNames: []string{n.Label}}
		}
		return &hcldec.BlockMapSpec{TypeName: name, Nested: n.Block.spec, LabelNames: []string{n.Label}}
	}
	panic(fmt.Sprintf("schema: block %q has no nesting", name))
}

// check applies the rules of the attribute to a decoded value. The values of sensitive ones are never quoted.
func (a *Attribute) check(name string, v cty.Value) (ds hcl.Diagnostics) {
	if v.IsNull() {
		if a.Required {
			ds = append(ds, diag.Errorf(CodeInvalidValue, summaryMissing, "The attribute %q must have a value, but this expression is null.", name))
		}
		return ds
	}
	if a.Deprecated != "" {
		ds = append(ds, diag.Warningf(CodeDeprecated, "Deprecated attribute", "The attribute %q is deprecated: %s", name, a.Deprecated))
	}
	if !Finite(v) {
		return append(ds, diag.Errorf(CodeInvalidValue, "Infinite number", "The value of %q has a number that is infinite, as after a division by zero. Only finite numbers can be kept.", name))
	}
	if at, found := nullElement(v, a.Type); found {
		return append(ds, diag.Errorf(CodeInvalidValue, "Null element", "%s is null, which says nothing here. Leave the element out.", diag.PathString(append(cty.GetAttrPath(name), at...))))
	}
	if len(a.OneOf) == 0 && a.Validate == nil {
		return ds
	}
	secret := a.Sensitive || IsSensitive(v)
	if ContainsMarked(v) {
		v, _ = v.UnmarkDeep()
	}
	if len(a.OneOf) > 0 {
		for _, s := range stringsIn(v) {
			if slices.Contains(a.OneOf, s) {
				continue
			}
			got := fmt.Sprintf("%q is", s)
			if secret {
				got = "the value is"
			}
			ds = append(ds, diag.Errorf(CodeInvalidValue, "Invalid value", "For the attribute %q, %s not one of %s.%s",
				name, got, strings.Join(a.OneOf, ", "), diag.Suggest(s, a.OneOf)))
		}
	}
	if a.Validate != nil && v.IsWhollyKnown() {
		if err := a.Validate(v); err != nil {
			ds = append(ds, diag.Errorf(CodeInvalidValue, "Invalid value", "The value of %q is not valid: %s.", name, strings.TrimSuffix(err.Error(), ".")))
		}
	}
	return ds
}

// stringsIn returns the known strings of a string or of a collection of strings.
func stringsIn(v cty.Value) []string {
	switch {
	case !v.IsKnown() || v.IsNull():
		return nil
	case v.Type() == cty.String:
		return []string{v.AsString()}
	case !v.CanIterateElements():
		return nil
	}
	var out []string
	for _, e := range v.AsValueSlice() {
		out = append(out, stringsIn(e)...)
	}
	return out
}

// Decode evaluates a body whose meta-arguments have been taken out, expands its dynamic blocks, applies defaults and
// checks every rule. The result is of type Type with sensitive attributes marked; on error it holds unknowns where
// nothing better is known. It costs O(size of the body).
func (b *Block) Decode(body hcl.Body, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	b.prepare()
	v, ds := hcldec.Decode(dynblock.Expand(body, ctx), b.spec, ctx)
	if ds.HasErrors() {
		ds = b.explain(ds)
	}
	if !v.IsKnown() || v.IsNull() {
		return v, ds
	}
	return b.MarkSensitive(v), ds
}

// explain improves HCL's diagnostics about names and types, and gives them codes.
func (b *Block) explain(ds hcl.Diagnostics) (out hcl.Diagnostics) {
	missing := map[string]bool{}
	for _, d := range ds {
		if name, ok := quoted(d.Detail); ok && d.Summary == "Missing required argument" {
			missing[name] = true
		}
	}
	for _, d := range ds {
		name, named := quoted(d.Detail)
		c := *d
		switch {
		case d.Extra != nil && d.Summary == summaryMissing && missing[name]:
			continue // HCL has said so already
		case d.Extra != nil:
		case d.Summary == "Missing required argument", strings.HasPrefix(d.Summary, "Missing ") && strings.HasSuffix(d.Summary, " block"), strings.HasPrefix(d.Summary, "Insufficient "):
			c.Extra = diag.Extra{Code: CodeMissingAttribute}
		case d.Summary == "Incorrect attribute value type":
			c.Extra = diag.Extra{Code: CodeWrongType}
		case named && (d.Summary == "Unsupported argument" || d.Summary == "Unsupported block type"):
			b.explainName(&c, name)
		}
		out = append(out, &c)
	}
	return out
}

// explainName says why a name does not belong into the block.
func (b *Block) explainName(d *hcl.Diagnostic, name string) {
	d.Extra = diag.Extra{Code: CodeUnknownAttribute}
	if a := b.Attributes[name]; a != nil && !a.Settable() {
		d.Summary = "Attribute cannot be set"
		d.Detail = fmt.Sprintf("The provider computes %q; configuration can only refer to it. Remove this line.", name)
		d.Extra = diag.Extra{Code: CodeComputed}
	} else if !strings.Contains(d.Detail, "Did you mean") {
		d.Detail += b.suggest(name)
	}
}

// suggest names what could have been meant, or what there is.
func (b *Block) suggest(name string) string {
	if s := diag.Suggest(name, b.Names()); s != "" {
		return s
	}
	var names []string
	for _, n := range b.Names() {
		if a := b.Attributes[n]; a == nil || a.Settable() {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " There are: " + strings.Join(names, ", ") + "."
}

func quoted(s string) (string, bool) {
	_, rest, ok := strings.Cut(s, `"`)
	if !ok {
		return "", false
	}
	name, _, ok := strings.Cut(rest, `"`)
	return name, ok
}

// Variables returns every reference in the body, inside nested and dynamic blocks too.
func (b *Block) Variables(body hcl.Body) []hcl.Traversal {
	b.prepare()
	return dynblock.VariablesHCLDec(body, b.spec)
}

// VariablesOf returns the references in the expression of one top-level attribute.
func (b *Block) VariablesOf(body hcl.Body, attribute string) []hcl.Traversal {
	a := b.Attributes[attribute]
	if a == nil || !a.Settable() {
		return nil
	}
	return hcldec.Variables(body, &hcldec.AttrSpec{Name: attribute, Type: a.Type})
}

// RangeOf returns the smallest source range that a path into the block's value can be traced to, and whether one was
// found: the expression of the attribute, or the header of the nested block.
func (b *Block) RangeOf(body hcl.Body, path cty.Path, ctx *hcl.EvalContext) (rng hcl.Range, ok bool) {
	for i := 0; i < len(path); i++ {
		step, isAttr := path[i].(cty.GetAttrStep)
		if !isAttr {
			return rng, ok
		}
		if a := b.Attributes[step.Name]; a != nil {
			content, _, _ := dynblock.Expand(body, ctx).PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: step.Name}}})
			if attr := content.Attributes[step.Name]; attr != nil {
				return innerRange(attr.Expr, path[i+1:]), true
			}
			return rng, ok
		}
		n := b.Blocks[step.Name]
		if n == nil {
			return rng, ok
		}
		header := hcl.BlockHeaderSchema{Type: step.Name}
		if n.Nesting == Map {
			header.LabelNames = []string{n.Label}
		}
		content, _, _ := dynblock.Expand(body, ctx).PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{header}})
		block, used := pickBlock(content.Blocks, n.Nesting, path[i+1:])
		if block == nil {
			return rng, ok
		}
		rng, ok = block.DefRange, true
		b, body, i = &n.Block, block.Body, i+used
	}
	return rng, ok
}

// pickBlock finds the block that the next step of a path means, and how many steps that took.
func pickBlock(blocks hcl.Blocks, nesting Nesting, rest cty.Path) (*hcl.Block, int) {
	if len(blocks) == 0 {
		return nil, 0
	}
	if nesting == Single || len(rest) == 0 {
		return blocks[0], 0
	}
	var key cty.Value
	switch s := rest[0].(type) {
	case cty.IndexStep:
		key = s.Key
	case cty.GetAttrStep:
		key = cty.StringVal(s.Name)
	}
	switch {
	case key.Type() == cty.Number && nesting == List:
		if n, _ := key.AsBigFloat().Int64(); n >= 0 && int(n) < len(blocks) {
			return blocks[n], 1
		}
	case key.Type() == cty.String && nesting == Map:
		for _, b := range blocks {
			if b.Labels[0] == key.AsString() {
				return b, 1
			}
		}
	}
	return blocks[0], 1
}

// innerRange descends into object and tuple constructors as far as the path allows.
func innerRange(expr hcl.Expression, path cty.Path) hcl.Range {
	for _, step := range path {
		var next hcl.Expression
		var want string
		switch s := step.(type) {
		case cty.GetAttrStep:
			want = s.Name
		case cty.IndexStep:
			if s.Key.Type() == cty.Number {
				if list, ds := hcl.ExprList(expr); !ds.HasErrors() {
					if n, _ := s.Key.AsBigFloat().Int64(); n >= 0 && int(n) < len(list) {
						next = list[n]
					}
				}
			} else if s.Key.Type() == cty.String {
				want = s.Key.AsString()
			}
		}
		if want != "" {
			if pairs, ds := hcl.ExprMap(expr); !ds.HasErrors() {
				for _, p := range pairs {
					if k, kds := p.Key.Value(nil); !kds.HasErrors() && k.Type() == cty.String && k.IsKnown() && !k.IsNull() && k.AsString() == want {
						next = p.Value
					}
				}
			}
		}
		if next == nil {
			break
		}
		expr = next
	}
	return expr.Range()
}
