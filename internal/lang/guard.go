package lang

import (
	"errors"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/meshplan/meshplan/internal/schema"
)

// errSensitive stands in for every error about a sensitive value.
var errSensitive = errors.New("the function failed for a sensitive value; the reason is not shown because it could quote the value")

// guarded wraps a function so that its errors never quote a sensitive argument, and so that check, if there is one, can
// refuse the arguments before the function sees them. Check gets them as they are: perhaps unknown, null or marked.
func guarded(inner function.Function, check func(args []cty.Value) error) function.Function {
	return function.New(&function.Spec{
		Description: inner.Description(),
		Params:      openParams(inner.Params()),
		VarParam:    openParam(inner.VarParam()),
		// The result tells the type. To ask inner for it first would be one more walk through all arguments.
		Type: function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if check != nil {
				if err := check(args); err != nil {
					return cty.NilVal, redact(args, err)
				}
			}
			v, err := inner.Call(args)
			if err == nil {
				v, err = ordinary(v)
			}
			return v, redact(args, err)
		},
	})
}

// ordinary refuses infinite numbers, which no state, plan or JSON can hold, and turns the negative zero into the other.
func ordinary(v cty.Value) (cty.Value, error) {
	if v.Type() != cty.Number {
		return v, nil
	}
	n, marks := v.Unmark()
	switch {
	case !n.IsKnown() || n.IsNull():
	case n.AsBigFloat().IsInf():
		return cty.NilVal, errInfinite
	case n.AsBigFloat().Sign() == 0:
		return cty.Zero.WithMarks(marks), nil
	}
	return v, nil
}

var errInfinite = errors.New("the result is no finite number")

// redact keeps which argument was wrong but not why, when any argument is sensitive.
func redact(args []cty.Value, err error) error {
	if err == nil {
		return nil
	}
	for _, a := range args {
		if !schema.IsSensitive(a) {
			continue
		}
		var arg function.ArgError
		if errors.As(err, &arg) {
			return function.NewArgError(arg.Index, errSensitive)
		}
		return errSensitive
	}
	return err
}

// openParams lets everything through that the inner function then handles as it likes.
func openParams(in []function.Parameter) []function.Parameter {
	out := make([]function.Parameter, 0, len(in))
	for i := range in {
		out = append(out, *openParam(&in[i]))
	}
	return out
}

func openParam(p *function.Parameter) *function.Parameter {
	if p == nil {
		return nil
	}
	open := *p
	open.AllowUnknown, open.AllowMarked, open.AllowDynamicType, open.AllowNull = true, true, true, true
	return &open
}

// text returns a known string argument.
func text(v cty.Value) (string, bool) {
	v, _ = v.Unmark()
	if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
		return v.AsString(), true
	}
	return "", false
}

// stringFunction makes a function of strings that fails for nothing but its arguments' content.
func stringFunction(result cty.Type, impl func(args []string) (cty.Value, error), params ...string) function.Function {
	spec := &function.Spec{
		Type: function.StaticReturnType(result),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			texts := make([]string, len(args))
			for i, a := range args {
				texts[i] = a.AsString()
			}
			return impl(texts)
		},
		RefineResult: notNull,
	}
	for _, p := range params {
		spec.Params = append(spec.Params, function.Parameter{Name: p, Type: cty.String})
	}
	return function.New(spec)
}

func notNull(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() }
