package chart

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
)

// checkShape warns about values that replace a table of the chart by something else or the other way round. Helm only
// logs it, and templates then fail far away from the cause.
func checkShape(o RenderOptions, in *input) hcl.Diagnostics {
	return shapes(o.Values, in.chart.Values, nil)
}

func shapes(values, defaults map[string]any, at []string) (ds hcl.Diagnostics) {
	for _, k := range slices.Sorted(maps.Keys(values)) {
		v, d := values[k], defaults[k]
		if s, ok := v.(Secret); ok {
			v = s.Value
		}
		if _, unknown := v.(Unknown); unknown || v == nil || d == nil {
			continue
		}
		here := append(slices.Clone(at), k)
		table, isTable := v.(map[string]any)
		below, wantsTable := d.(map[string]any)
		switch {
		case isTable && wantsTable:
			ds = append(ds, shapes(table, below, here)...)
		case isTable != wantsTable:
			got, want := "a table", "a single value"
			if wantsTable {
				got, want = want, got
			}
			path := cty.GetAttrPath("values")
			for _, step := range here {
				path = path.GetAttr(step)
			}
			ds = append(ds, diag.At(diag.Warningf(CodeValuesShape, "Value has another shape than the chart's default",
				"values.%s is %s, but the chart's default is %s. Templates are likely to fail or to ignore it.", strings.Join(here, "."), got, want), path))
		}
	}
	return ds
}
