package traffic

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/schema"
)

type kubeObject = *unstructured.Unstructured

// annotation ties an attribute to the annotation that says the same.
type annotation struct{ attribute, key string }

// asAnnotations writes the attributes that are set as annotations.
func asAnnotations(v cty.Value, fields []annotation) map[string]string {
	out := map[string]string{}
	for _, f := range fields {
		a := v.GetAttr(f.attribute)
		if a.IsNull() || !a.IsKnown() {
			continue
		}
		switch ty := a.Type(); {
		case ty == cty.Number:
			out[f.key] = a.AsBigFloat().Text('f', -1)
		case ty == cty.Bool:
			out[f.key] = strconv.FormatBool(a.True())
		case ty.IsListType():
			out[f.key] = strings.Join(schema.Texts(a), ",")
		default:
			out[f.key] = a.AsString()
		}
	}
	return out
}

// fromAnnotations reads them back. What cannot be read, or is not there, is null.
func fromAnnotations(live map[string]string, attrs map[string]cty.Value, fields []annotation) {
	for _, f := range fields {
		was := attrs[f.attribute]
		text, ok := live[f.key]
		ty := was.Type()
		attrs[f.attribute] = cty.NullVal(ty)
		switch {
		case !ok:
		case ty == cty.Number:
			if n, _, err := big.ParseFloat(text, 10, 512, big.ToNearestEven); err == nil {
				attrs[f.attribute] = cty.NumberVal(n)
				if !was.IsNull() && was.IsKnown() && was.AsBigFloat().Cmp(n) == 0 {
					attrs[f.attribute] = was
				}
			}
		case ty == cty.Bool:
			if b, err := strconv.ParseBool(text); err == nil {
				attrs[f.attribute] = cty.BoolVal(b)
			}
		case ty.IsListType():
			var list []cty.Value
			for part := range strings.SplitSeq(text, ",") {
				list = append(list, cty.StringVal(strings.TrimSpace(part)))
			}
			attrs[f.attribute] = cty.ListVal(list)
		default:
			attrs[f.attribute] = cty.StringVal(text)
		}
	}
}
