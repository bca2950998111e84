package expansion

import "github.com/zclconf/go-cty/cty"

func text(m map[string]any, key string) cty.Value {
	if s, ok := m[key].(string); ok && s != "" {
		return cty.StringVal(s)
	}
	return cty.NullVal(cty.String)
}

func each(v any, read func(map[string]any) cty.Value) []cty.Value {
	l, _ := v.([]any)
	var out []cty.Value
	for _, e := range l {
		m, _ := e.(map[string]any)
		out = append(out, read(m))
	}
	return out
}

// list returns a list, null for none.
func list(of cty.Type, values []cty.Value) cty.Value {
	if len(values) == 0 {
		return cty.NullVal(cty.List(of))
	}
	return cty.ListVal(values)
}

func anyTexts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
