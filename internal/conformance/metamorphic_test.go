package conformance

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// A literal of an expression may as well be a value that is not known yet, or that is sensitive. In every expression of
// the tables and for every literal in it:
//
//   - what fails with an unknown value fails with the known one (a plan must not refuse what an apply can do), and what
//     is known with an unknown value is the same with the known one (a plan shows nothing that an apply changes);
//   - a sensitive value changes nothing but marks, and where another value would give another result, the result is
//     marked (nothing sensitive is shown).
func TestLiteralsMayBeUnknownOrSensitive(t *testing.T) {
	tried := 0
	for _, table := range tables(t) {
		if isUnknown(table) {
			continue
		}
		for _, expr := range expressions(t, table) {
			for _, e := range abstractions(expr) {
				tried++
				if slices.ContainsFunc(foreign, func(f string) bool { return strings.Contains(e.text, f) }) {
					continue
				}
				t.Run(filepath.Base(table)+"/"+e.text, func(t *testing.T) { e.check(t) })
			}
		}
	}
	if tried < 1000 {
		t.Errorf("only %d literals were tried", tried)
	}
}

// foreign are parts of expressions for which this is not true for reasons that lie in HCL: it goes through the elements
// of a set in an order that depends on the unknown ones; the arm of a conditional that is not chosen counts when it
// fails; a failure, which can makes a value, has no mark. Terraform does the same.
var foreign = []string{
	"in toset(", "in [1] : toset", "toset([{ a = (local.v) }, { a = 2 }])[*]", "(local.v) / 0", "can(regex((local.v)",
}

// abstraction is an expression in which a variable stands for a literal.
type abstraction struct {
	text string
	expr hclsyntax.Expression
	v    cty.Value // what the literal was
	want cty.Value // what the expression is with it
}

// abstractions makes one of every literal.
func abstractions(text string) []abstraction {
	expr, ds := hclsyntax.ParseExpression([]byte(text), "table", hcl.InitialPos)
	if ds.HasErrors() {
		return nil
	}
	want, ds := expr.Value(scope(false))
	if ds.HasErrors() {
		return nil
	}
	var out []abstraction
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.LiteralValueExpr:
		case *hclsyntax.TemplateExpr:
			if !n.IsStringLiteral() {
				return nil
			}
		default:
			return nil
		}
		v, ds := n.(hclsyntax.Expression).Value(nil)
		if ds.HasErrors() || v.IsNull() {
			return nil
		}
		at := n.Range()
		a := abstraction{text: text[:at.Start.Byte] + "(local.v)" + text[at.End.Byte:], v: v, want: want}
		if a.expr, ds = hclsyntax.ParseExpression([]byte(a.text), "table", hcl.InitialPos); ds.HasErrors() {
			return nil
		}
		if got, ds := a.with(v); !ds.HasErrors() && got.RawEquals(want) { // else it was text within a template
			out = append(out, a)
		}
		return nil
	})
	return out
}

func (a abstraction) with(v cty.Value) (cty.Value, hcl.Diagnostics) {
	ctx := scope(false)
	locals := ctx.Variables["local"].AsValueMap()
	locals["v"] = v
	ctx.Variables["local"] = cty.ObjectVal(locals)
	return a.expr.Value(ctx)
}

func (a abstraction) check(t *testing.T) {
	for _, unknown := range []cty.Value{cty.UnknownVal(a.v.Type()), cty.UnknownVal(a.v.Type()).RefineNotNull(), cty.DynamicVal} {
		got, ds := a.with(unknown)
		if ds.HasErrors() {
			t.Errorf("with %#v it fails, with %#v it does not: %v", unknown, a.v, ds)
		} else if !admits(got, a.want) && (unknown != cty.DynamicVal || got.Type().Equals(a.want.Type())) {
			t.Errorf("with %#v it is %#v, but with %#v it is %#v", unknown, got, a.v, a.want)
		}
	}
	got, ds := a.with(a.v.Mark(schema.Sensitive))
	if ds.HasErrors() {
		if !strings.Contains(ds.Error(), "sensitive") {
			t.Errorf("when sensitive it fails: %v", ds)
		}
		return
	}
	if !same(got, a.want) && !strings.Contains(a.text, "issensitive") {
		t.Errorf("when sensitive it is %#v, else %#v", got, a.want)
	}
	if strings.Contains(a.text, "nonsensitive") || strings.Contains(a.text, "issensitive") {
		return
	}
	for _, other := range []cty.Value{cty.StringVal("other"), cty.NumberIntVal(7), cty.Zero, cty.True, cty.False, cty.StringVal("")} {
		if !other.Type().Equals(a.v.Type()) || other.RawEquals(a.v) {
			continue
		}
		changed, ds := a.with(other.Mark(schema.Sensitive))
		if !ds.HasErrors() && shown(changed) != shown(got) {
			t.Errorf("it shows that the value is %#v and not %#v: %s and %s", a.v, other, shown(got), shown(changed))
		}
	}
}

// same compares values without their marks.
func same(a, b cty.Value) bool {
	a, _ = a.UnmarkDeep()
	b, _ = b.UnmarkDeep()
	return a.RawEquals(b)
}

// shown is what people see of a value.
func shown(v cty.Value) string { return hide(v).GoString() }

// hide replaces what is marked, wherever it is.
func hide(v cty.Value) cty.Value {
	if v.IsMarked() {
		return cty.StringVal("(sensitive)")
	}
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return v
	}
	if t := v.Type(); t.IsMapType() || t.IsObjectType() {
		vals := map[string]cty.Value{}
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			vals[k.AsString()] = hide(e)
		}
		return cty.ObjectVal(vals)
	}
	var vals []cty.Value
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		vals = append(vals, hide(e))
	}
	return cty.TupleVal(vals)
}

// admits reports whether a value that is known in parts can turn out to be another.
func admits(partial, whole cty.Value) bool {
	partial, _ = partial.UnmarkDeep()
	whole, _ = whole.UnmarkDeep()
	switch {
	case !partial.IsKnown():
		if partial.Type() == cty.DynamicPseudoType {
			return true
		}
		in := partial.Range().Includes(whole)
		return !in.IsKnown() || in.True()
	case partial.IsNull() || whole.IsNull():
		return partial.IsNull() && whole.IsNull()
	case partial.IsWhollyKnown():
		return partial.RawEquals(whole) || !partial.Type().Equals(whole.Type())
	case !partial.CanIterateElements():
		return partial.RawEquals(whole)
	case partial.Type().IsSetType():
		return true // elements may coalesce
	case !whole.CanIterateElements() || partial.LengthInt() != whole.LengthInt():
		return false
	}
	wi := whole.ElementIterator()
	for pi := partial.ElementIterator(); pi.Next() && wi.Next(); {
		pk, p := pi.Element()
		wk, w := wi.Element()
		if !pk.RawEquals(wk) || !admits(p, w) {
			return false
		}
	}
	return true
}
