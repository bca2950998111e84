package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
)

// locals are what the expressions of the tables may refer to beside var.secret and local.unknown.
var locals = map[string]string{
	"template": "Hello, ${name}!",
	"loop":     "%{ for n in names }<${n}>%{ endfor }",
	"broken":   "${",
	"only":     "${v}",
	"call":     "${upper(v)}-${max(1, 2)}",
}

// secret is the value of var.secret.
const secret = "hunter2"

// tables returns the names of the tables of expressions.
func tables(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/expressions/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no tables", err)
	}
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(p, ".txt")
	}
	return paths
}

// expressions reads one table.
func expressions(t *testing.T, table string) []string {
	t.Helper()
	src, err := os.ReadFile(table + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if seen[line] {
			t.Errorf("%s: %s is there twice", table, line)
		}
		seen[line] = true
		out = append(out, line)
	}
	return out
}

// recorded reads the values of one table.
func recorded(t *testing.T, table string) map[string]string {
	t.Helper()
	src, err := os.ReadFile(table + ".want")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(src)) {
		if expr, want, ok := strings.Cut(strings.TrimSuffix(line, "\n"), arrow); ok {
			out[expr] = want
		}
	}
	return out
}

const (
	arrow  = "  =>  "
	failed = "error"
)

// isUnknown says that a table is about what is known while planning, and not about values.
func isUnknown(table string) bool { return filepath.Base(table) == "unknown" }

// functions are made once.
var functions = sync.OnceValue(func() map[string]function.Function {
	now := func() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC) }
	return lang.Functions(lang.FunctionOptions{BaseDir: "testdata", Now: now})
})

// scope is what the expressions of the tables see.
func scope(unknown bool) *hcl.EvalContext {
	vals := map[string]cty.Value{}
	for name, text := range locals {
		vals[name] = cty.StringVal(text)
	}
	if unknown {
		vals["unknown"] = cty.UnknownVal(cty.String).RefineNotNull()
	}
	return &hcl.EvalContext{
		Functions: functions(),
		Variables: map[string]cty.Value{
			"local": cty.ObjectVal(vals),
			"var":   cty.ObjectVal(map[string]cty.Value{"secret": cty.StringVal(secret).Mark(schema.Sensitive)}),
		},
	}
}

// ours evaluates one expression.
func ours(expr string, unknown bool) (string, error) {
	e, ds := hclsyntax.ParseExpression([]byte(expr), "table", hcl.InitialPos)
	if ds.HasErrors() {
		return "", ds
	}
	v, ds := e.Value(scope(unknown))
	if ds.HasErrors() {
		return failed, nil
	}
	v, _ = v.UnmarkDeep()
	if unknown {
		known, err := cty.Transform(elements(v), func(_ cty.Path, v cty.Value) (cty.Value, error) {
			if !v.IsKnown() {
				return cty.StringVal("?"), nil
			}
			return v, nil
		})
		if err != nil {
			return "", err
		}
		return valueText(known)
	}
	text, err := valueText(v)
	return text + " : " + typeexpr.TypeString(v.Type()), err
}

// elements returns collections as tuples and objects, in which every element can have a type of its own.
func elements(v cty.Value) cty.Value {
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return v
	}
	if t := v.Type(); t.IsMapType() || t.IsObjectType() {
		vals := v.AsValueMap()
		for k, e := range vals {
			vals[k] = elements(e)
		}
		return cty.ObjectVal(vals)
	}
	vals := v.AsValueSlice()
	for i, e := range vals {
		vals[i] = elements(e)
	}
	slices.SortStableFunc(vals, func(a, b cty.Value) int { // what is not known comes last in Terraform's sets
		if !v.Type().IsSetType() || a.IsKnown() == b.IsKnown() {
			return 0
		} else if a.IsKnown() {
			return -1
		}
		return 1
	})
	return cty.TupleVal(vals)
}

func valueText(v cty.Value) (string, error) {
	raw, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return "", err
	}
	return canonical(raw)
}

// canonical writes JSON in one way, numbers as they are.
func canonical(raw []byte) (string, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// Every expression has the value that Terraform gives it, or the one of the table of differences.
func TestExpressions(t *testing.T) {
	used := map[string]bool{}
	for _, table := range tables(t) {
		want := recorded(t, table)
		for _, expr := range expressions(t, table) {
			w, ok := want[expr]
			if !ok {
				t.Errorf("%s: no recorded value: run MESHPLAN_UPDATE=1 make conformance on a machine that has terraform", expr)
				continue
			}
			if d, ok := differences[expr]; ok {
				used[expr] = true
				if d.ours == w {
					t.Errorf("%s: it does not differ: take it out of the table", expr)
				}
				w = d.ours
			}
			got, err := ours(expr, isUnknown(table))
			if err != nil {
				t.Errorf("%s: %v", expr, err)
			} else if got != w {
				t.Errorf("%s = %s, want %s", expr, got, w)
			}
		}
	}
	for expr := range differences {
		if !used[expr] {
			t.Errorf("%s is in the table of differences, but in no table of expressions", expr)
		}
	}
}

// difference is a result that is not Terraform's, with the reason.
type difference struct{ ours, why string }
