package lang

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/meshplan/meshplan/internal/diag"
)

// maxTemplates is how many templates may render one another.
const maxTemplates = 16

// addTemplates adds templatefile and templatestring, which can call every function in all. Inside a template they are
// there again, one level deeper.
func addTemplates(all map[string]function.Function, files confined, level int) {
	if level == maxTemplates {
		tooDeep := func(args []cty.Value) (cty.Type, error) {
			return cty.NilType, fmt.Errorf("templates render one another more than %d levels deep", maxTemplates)
		}
		refused := function.New(&function.Spec{VarParam: anything(), Type: tooDeep})
		for _, name := range []string{"templatefile", "templatestring"} {
			all[name], all[namespace+name] = refused, refused
		}
		return
	}
	inner := func() map[string]function.Function {
		deeper := maps.Clone(all)
		addTemplates(deeper, files, level+1)
		return deeper
	}
	all["templatefile"] = templateFunction("path", cty.DynamicPseudoType, inner, func(path string) (string, []byte, error) {
		src, err := files.read(path)
		return path, src, err
	})
	all["templatestring"] = templateFunction("template", cty.String, inner, func(src string) (string, []byte, error) {
		return "template", []byte(src), nil
	})
	for _, name := range []string{"templatefile", "templatestring"} {
		all[namespace+name] = all[name]
	}
}

// templateFunction renders what load finds for the first argument, with the variables of the second. A template that
// is a single interpolation has the type of that, unless a string is wanted, so the type is not known before: asking
// for it by rendering would double the work at every level of nesting.
func templateFunction(param string, result cty.Type, functions func() map[string]function.Function, load func(string) (string, []byte, error)) function.Function {
	return guarded(function.New(&function.Spec{
		Params: []function.Parameter{{Name: param, Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if t := args[1].Type(); !t.IsObjectType() && !t.IsMapType() {
				return cty.NilType, function.NewArgErrorf(1, "the variables must be an object or a map, not %s", t.FriendlyName())
			}
			return result, nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name, src, err := load(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			v, err := renderTemplate(name, src, args[1], functions())
			if err != nil || result == cty.DynamicPseudoType {
				return v, err
			}
			text, err := convert.Convert(v, result)
			if err != nil || text.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "the template must give a string, not %s; "+
					"templatefile can give other values", kindOf(v))
			}
			return text, nil
		},
	}), nil)
}

// kindOf says what a value is, in a few words.
func kindOf(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	return v.Type().FriendlyName()
}

func renderTemplate(name string, src []byte, vars cty.Value, functions map[string]function.Function) (cty.Value, error) {
	at := hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}
	if d := CheckNesting(src, Template, at); d != nil {
		return cty.NilVal, function.NewArgErrorf(0, "%s: %s", d.Summary, d.Detail)
	}
	expr, ds := hclsyntax.ParseTemplate(src, name, hcl.InitialPos)
	if ds.HasErrors() {
		return cty.NilVal, function.NewArgError(0, located(ds))
	}
	ctx := &hcl.EvalContext{Variables: vars.AsValueMap(), Functions: functions}
	names := slices.Sorted(maps.Keys(ctx.Variables))
	for _, n := range names {
		if !hclsyntax.ValidIdentifier(n) {
			return cty.NilVal, function.NewArgErrorf(1, "%q cannot be the name of a template variable: it must start with a letter, "+
				"followed by letters, digits, underscores and dashes", n)
		}
	}
	for _, t := range expr.Variables() {
		if _, ok := ctx.Variables[t.RootName()]; !ok {
			r := t.SourceRange()
			return cty.NilVal, function.NewArgErrorf(1, "the template uses the variable %q (%s:%d), which is not given.%s",
				t.RootName(), name, r.Start.Line, diag.Suggest(t.RootName(), names))
		}
	}
	v, ds := expr.Value(ctx)
	if ds.HasErrors() {
		return cty.NilVal, located(ds)
	}
	return v, nil
}

// located turns the first error into one whose text says where it is.
func located(ds hcl.Diagnostics) error {
	for _, d := range ds {
		if d.Severity != hcl.DiagError {
			continue
		}
		if d.Subject == nil {
			return fmt.Errorf("%s: %s", d.Summary, d.Detail)
		}
		return fmt.Errorf("%s:%d,%d: %s: %s", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column, d.Summary, d.Detail)
	}
	return nil
}
