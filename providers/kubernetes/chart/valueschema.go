package chart

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	v2 "helm.sh/helm/v4/pkg/chart/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// checkSchema checks the values against the chart's values.schema.json and those of its dependencies. Findings at or
// above a value that is not known yet are left out: they are repeated when it is.
func checkSchema(in *input, unknowns []string, hidden func(string) string) hcl.Diagnostics {
	return checkChart(in.chart, in.values(), nil, unknowns, hidden)
}

func checkChart(ch *v2.Chart, values map[string]any, at, unknowns []string, hidden func(string) string) (ds hcl.Diagnostics) {
	if len(ch.Schema) > 0 {
		ds = checkOne(ch, values, at, unknowns, hidden)
	}
	deps := slices.SortedFunc(slices.Values(ch.Dependencies()), func(a, b *v2.Chart) int { return strings.Compare(a.Name(), b.Name()) })
	for _, sub := range deps {
		if table, ok := values[sub.Name()].(map[string]any); ok {
			ds = append(ds, checkChart(sub, table, append(slices.Clone(at), sub.Name()), unknowns, hidden)...)
		}
	}
	return ds
}

// noLoader refuses to follow references out of a schema: a chart must not open files or connections.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("it refers to %s, which is not fetched", url)
}

func checkOne(ch *v2.Chart, values map[string]any, at, unknowns []string, hidden func(string) string) (ds hcl.Diagnostics) {
	const resource = "mem:///values.schema.json"
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(ch.Schema))
	var compiled *jsonschema.Schema
	if err == nil {
		compiler := jsonschema.NewCompiler()
		compiler.UseLoader(noLoader{})
		if err = compiler.AddResource(resource, doc); err == nil {
			compiled, err = compiler.Compile(resource)
		}
	}
	if err != nil {
		return append(ds, diag.Warningf(CodeInvalid, "Values are not checked", "The values schema of the chart %q cannot be used: %s.", ch.Name(), scrub(err)))
	}
	var failed *jsonschema.ValidationError
	if err := compiled.Validate(values); !errors.As(err, &failed) {
		return ds
	}
	printer := message.NewPrinter(language.English)
	for _, leaf := range leaves(failed) {
		where := append(slices.Clone(at), leaf.InstanceLocation...)
		if touches(where, unknowns) {
			continue
		}
		path := cty.GetAttrPath("values")
		for _, step := range where {
			path = path.GetAttr(step)
		}
		ds = append(ds, diag.At(diag.Errorf(CodeValues, "Value breaks the chart's schema", "%s: %s.",
			strings.Join(append([]string{"values"}, where...), "."), hidden(leaf.ErrorKind.LocalizedString(printer))), path))
	}
	return ds
}

// leaves are the findings that have no cause of their own.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var out []*jsonschema.ValidationError
	for _, c := range e.Causes {
		out = append(out, leaves(c)...)
	}
	return out
}

// touches reports whether a value that is not known lies at, above or below a place.
func touches(where, unknowns []string) bool {
	place := "/" + strings.Join(where, "/")
	return slices.ContainsFunc(unknowns, func(u string) bool {
		return place == u || strings.HasPrefix(u, strings.TrimSuffix(place, "/")+"/") || strings.HasPrefix(place, u+"/")
	})
}
