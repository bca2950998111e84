package chart

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// Secret stands in Values for a value that must not be shown. Whatever it influences in the rendered objects is reported
// as secret.
type Secret struct{ Value any }

// Unknown stands in Values for a value that is not known yet. Whatever it influences is reported as unknown. The
// rendering takes it for a text that is not empty, a number that is not zero, or true, as Type says; cty.NilType
// means a text.
type Unknown struct{ Type cty.Type }

// Values are what a chart is rendered with: JSON terms (maps, slices, strings, float64, bool, nil) as a values file
// holds them, with Secret and Unknown anywhere inside. A nil removes the chart's default.
type Values map[string]any

// ValuesFrom converts a configured object or map. Values marked sensitive become Secret and unknown ones Unknown. A null
// gives no values; anything else that is not an object is an error.
func ValuesFrom(v cty.Value) (Values, error) {
	if v == cty.NilVal || v.IsNull() {
		return nil, nil
	}
	plain, _ := v.Unmark()
	if plain.IsKnown() && !plain.Type().IsObjectType() && !plain.Type().IsMapType() {
		return nil, fmt.Errorf("values must be an object, not %s", plain.Type().FriendlyName())
	}
	switch m := fromValue(v).(type) {
	case map[string]any:
		return m, nil
	case Secret:
		return Values(m.Value.(map[string]any)).secret(), nil
	}
	return nil, fmt.Errorf("values are not known")
}

// secret returns a copy of v in which every leaf is a Secret.
func (v Values) secret() Values {
	out := make(Values, len(v))
	for k, e := range v {
		switch e := e.(type) {
		case map[string]any:
			out[k] = map[string]any(Values(e).secret())
		case Secret, Unknown, nil:
			out[k] = e
		default:
			out[k] = Secret{e}
		}
	}
	return out
}

// fromValue converts any value. Numbers become float64, as they do when Helm reads a file.
func fromValue(v cty.Value) any {
	if v.IsMarked() {
		plain, marks := v.Unmark()
		out := fromValue(plain)
		if _, ok := marks[schema.Sensitive]; ok && out != nil {
			if _, unknown := out.(Unknown); !unknown {
				return Secret{out}
			}
		}
		return out
	}
	switch ty := v.Type(); {
	case !v.IsKnown():
		return Unknown{ty}
	case v.IsNull():
		return nil
	case ty == cty.String:
		return v.AsString()
	case ty == cty.Bool:
		return v.True()
	case ty == cty.Number:
		f, _ := v.AsBigFloat().Float64()
		return f
	case ty.IsObjectType() || ty.IsMapType():
		out := make(map[string]any, v.LengthInt())
		for k, e := range v.AsValueMap() {
			out[k] = fromValue(e)
		}
		return out
	default:
		out := []any{}
		for _, e := range v.AsValueSlice() {
			out = append(out, fromValue(e))
		}
		return out
	}
}

// Merge returns the values with those of over on top: tables are merged, everything else is replaced, and a nil stays,
// because it removes the chart's default. Neither argument is changed.
func (v Values) Merge(over Values) Values {
	out := maps.Clone(v)
	if out == nil {
		out = make(Values, len(over))
	}
	for k, e := range over {
		below, ok := out[k].(map[string]any)
		if table, isTable := e.(map[string]any); ok && isTable {
			e = map[string]any(Values(below).Merge(table))
		}
		out[k] = e
	}
	return out
}

// variant says what stands in for secrets and unknowns in one rendering.
type variant uint8

const (
	plainly       variant = iota // secrets as they are
	otherSecrets                 // each secret replaced by another value
	otherUnknowns                // each unknown replaced by another value
	anotherTime                  // as plainly, at another time
)

// resolve returns a deep copy of a value in which placeholders stand for Secret and Unknown.
func (va variant) resolve(v any, path string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = va.resolve(e, path+"."+k)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = va.resolve(e, fmt.Sprintf("%s.%d", path, i))
		}
		return out
	case Secret:
		plain := va.resolve(v.Value, path)
		if va == otherSecrets {
			return other(plain)
		}
		return plain
	case Unknown:
		placeholder := unknownPlaceholder(v.Type, path)
		if va == otherUnknowns {
			return other(placeholder)
		}
		return placeholder
	}
	return v
}

func unknownPlaceholder(ty cty.Type, path string) any {
	switch {
	case ty == cty.Number:
		return float64(1)
	case ty == cty.Bool:
		return true
	case ty != cty.NilType && (ty.IsListType() || ty.IsTupleType() || ty.IsSetType()):
		return []any{"unknown" + path}
	case ty != cty.NilType && (ty.IsMapType() || ty.IsObjectType()):
		return map[string]any{"unknown": "unknown" + path}
	}
	return "unknown" + path
}

// other returns a different value of the same kind and, for texts, of the same length.
func other(v any) any {
	switch v := v.(type) {
	case string:
		b := []byte(v)
		for i, c := range b {
			if c >= 'a' && c < 'z' || c >= 'A' && c < 'Z' || c >= '0' && c < '9' {
				b[i] = c + 1
			}
		}
		if string(b) != v {
			return string(b)
		}
		return v + "0"
	case float64:
		return v + 1
	case bool:
		return !v
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = other(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = other(e)
		}
		return out
	}
	return v
}

// special finds the texts of secrets, longest first, and the paths of unknowns, both without repetitions.
func special(v any) (secrets, unknowns []string) {
	var walk func(v any, path string, secret bool)
	walk = func(v any, path string, secret bool) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(e, path+"/"+k, secret)
			}
		case []any:
			for i, e := range v {
				walk(e, fmt.Sprintf("%s/%d", path, i), secret)
			}
		case Secret:
			walk(v.Value, path, true)
		case Unknown:
			unknowns = append(unknowns, path)
		case string:
			if secret && v != "" {
				secrets = append(secrets, v)
			}
		case float64:
			if secret {
				secrets = append(secrets, big.NewFloat(v).Text('f', -1))
			}
		}
	}
	walk(v, "", false)
	slices.Sort(unknowns)
	slices.SortFunc(secrets, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(secrets), unknowns
}

// hide takes secrets out of a text from a chart, also where they appear quoted or line by line.
func hide(text string, secrets []string) string {
	const hidden = "(sensitive value)"
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, hidden)
		quoted := fmt.Sprintf("%q", s)
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], hidden)
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); len(line) >= 8 {
				text = strings.ReplaceAll(text, line, hidden)
			}
		}
	}
	return text
}
