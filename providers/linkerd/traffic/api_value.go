package traffic

import (
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

func integer(v cty.Value) int64 {
	i, _ := v.AsBigFloat().Int64()
	return i
}

func anyTexts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// named is a map as the list of names and values that the API has, in order of name.
func named(v cty.Value, kind string) []any {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	set := v.AsValueMap()
	var out []any
	for _, name := range slices.Sorted(maps.Keys(set)) {
		e := map[string]any{"name": name, "value": schema.Text(set[name])}
		if kind != "" {
			e["type"] = kind
		}
		out = append(out, e)
	}
	return out
}

func each(list any, read func(map[string]any) cty.Value) []cty.Value {
	l, _ := list.([]any)
	var out []cty.Value
	for _, e := range l {
		m, _ := e.(map[string]any)
		out = append(out, read(m))
	}
	return out
}

func text(m map[string]any, key string) cty.Value {
	if s, ok := m[key].(string); ok && s != "" {
		return cty.StringVal(s)
	}
	return cty.NullVal(cty.String)
}

func number(m map[string]any, key string) cty.Value {
	if n, ok := m[key].(int64); ok {
		return cty.NumberIntVal(n)
	}
	return cty.NullVal(cty.Number)
}

func textList(v any, was cty.Value) cty.Value {
	l, _ := v.([]any)
	var out []cty.Value
	for _, e := range l {
		if s, ok := e.(string); ok {
			out = append(out, cty.StringVal(s))
		}
	}
	switch {
	case len(out) > 0:
		return cty.ListVal(out)
	case was.IsNull():
		return was
	}
	return cty.ListValEmpty(cty.String)
}

func textMap(list any, kind string) cty.Value {
	l, _ := list.([]any)
	out := map[string]cty.Value{}
	for _, e := range l {
		m, _ := e.(map[string]any)
		if is, _ := m["type"].(string); is == kind || kind == "" {
			name, _ := m["name"].(string)
			out[name] = text(m, "value")
		}
	}
	if len(out) == 0 {
		return cty.NullVal(cty.Map(cty.String))
	}
	return cty.MapVal(out)
}
