package lang

import (
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func timeFunctions(now func() time.Time) map[string]function.Function {
	return map[string]function.Function{
		"formatdate":    stdlib.FormatDateFunc,
		"plantimestamp": planTimestampFunction(now),
		"timeadd":       stdlib.TimeAddFunc,
		"timecmp":       timeCmpFunction(),
	}
}

func planTimestampFunction(now func() time.Time) function.Function {
	return function.New(&function.Spec{
		Type:         function.StaticReturnType(cty.String),
		RefineResult: notNull,
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			if now == nil {
				return cty.UnknownVal(cty.String), nil
			}
			return cty.StringVal(now().UTC().Format(time.RFC3339)), nil
		},
	})
}

// timeCmpFunction compares two RFC 3339 times: -1, 0 or 1.
func timeCmpFunction() function.Function {
	return stringFunction(cty.Number, func(a []string) (cty.Value, error) {
		var times [2]time.Time
		for i, s := range a {
			t, err := time.Parse(time.RFC3339, s)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(i, "%q is not a time in the form 2006-01-02T15:04:05Z", s)
			}
			times[i] = t
		}
		return cty.NumberIntVal(int64(times[0].Compare(times[1]))), nil
	}, "timestamp_a", "timestamp_b")
}
