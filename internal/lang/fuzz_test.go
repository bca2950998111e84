package lang

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// Whatever an expression says, and whatever it is about, evaluation ends soon without a panic, what is wrong is said with
// a place inside of the text, and a secret does not get out.
func FuzzExpression(f *testing.F) {
	for _, d := range Documentation() {
		f.Add(d.Example)
	}
	tables, err := filepath.Glob("../conformance/testdata/expressions/*.txt")
	if err != nil || len(tables) == 0 {
		f.Fatal("no tables", err)
	}
	for _, table := range tables {
		src, err := os.ReadFile(table)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(src)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
				f.Add(strings.NewReplacer("local.unknown", "unknown", "var.secret", "secret").Replace(line))
			}
		}
	}
	for _, s := range []string{`templatestring("$${x}", dynamic)`, `[for k, v in secretlist : v]`, `{ for k, v in secretmap : k => upper(v)... }`, `umap["a"]`, `secretlist[*].a`, `ulist[unumber]`,
		`merge(umap, secretmap)`, `ephemeral == "e" ? ulist : []`, `format("%s %d %v", secret, unumber, dynamic)`, `setproduct(uset, ["a"])`, `try(dynamic.a.b, secret)`, `null`, `dynamic()`} {
		f.Add(s)
	}
	ctx := &hcl.EvalContext{
		Functions: Functions(FunctionOptions{BaseDir: f.TempDir(), Now: func() time.Time { return time.Unix(1e9, 0) }}),
		Variables: map[string]cty.Value{
			"unknown":    cty.UnknownVal(cty.String),
			"uprefix":    cty.UnknownVal(cty.String).Refine().NotNull().StringPrefixFull("pre-").NewValue(),
			"unumber":    cty.UnknownVal(cty.Number).Refine().NotNull().NumberRangeLowerBound(cty.Zero, true).NewValue(),
			"ulist":      cty.UnknownVal(cty.List(cty.String)).Refine().CollectionLengthUpperBound(3).NewValue(),
			"uset":       cty.SetVal([]cty.Value{cty.StringVal("a"), cty.UnknownVal(cty.String)}),
			"umap":       cty.UnknownVal(cty.Map(cty.String)),
			"dynamic":    cty.DynamicVal,
			"nothing":    cty.NullVal(cty.DynamicPseudoType),
			"nostring":   cty.NullVal(cty.String),
			"nolist":     cty.NullVal(cty.List(cty.Number)),
			"secret":     cty.StringVal(hidden).Mark(schema.Sensitive),
			"secretlist": cty.ListVal([]cty.Value{cty.StringVal(hidden).Mark(schema.Sensitive), cty.StringVal("b")}),
			"secretmap":  cty.MapVal(map[string]cty.Value{"a": cty.StringVal(hidden), "b": cty.StringVal("b")}).Mark(schema.Sensitive),
			"usecret":    cty.UnknownVal(cty.String).Mark(schema.Sensitive),
			"ephemeral":  cty.StringVal("e").Mark(schema.Ephemeral),
			"object":     cty.ObjectVal(map[string]cty.Value{"a": cty.UnknownVal(cty.Bool), "b": cty.EmptyTupleVal, "c": cty.NumberIntVal(3)}),
		},
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 4<<10 || CheckNesting([]byte(src), Native, hcl.Range{}) != nil || strings.Contains(src, hidden) {
			return
		}
		expr, ds := hclsyntax.ParseExpression([]byte(src), "f", hcl.InitialPos)
		inside(t, src, ds)
		if ds.HasErrors() {
			return
		}
		start := time.Now()
		v, ds := expr.Value(ctx)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%q takes %s", src, d)
		}
		inside(t, src, ds)
		for _, d := range ds {
			if strings.Contains(d.Summary+d.Detail, hidden) {
				t.Errorf("%q: the message quotes a secret: %s: %s", src, d.Summary, d.Detail)
			}
		}
		if ds.HasErrors() || strings.Contains(src, "nonsensitive") {
			return
		}
		_ = cty.Walk(v, func(p cty.Path, v cty.Value) (bool, error) {
			if v.HasMark(schema.Sensitive) {
				return false, nil
			}
			if s, ok := text(v); ok && strings.Contains(s, hidden) {
				t.Errorf("%q: a secret is not marked at %#v", src, p)
			}
			return true, nil
		})
	})
}

// hidden is a secret that no expression contains.
const hidden = "hunter2-ZQX"

// inside reports ranges that do not lie in the text.
func inside(t *testing.T, src string, ds hcl.Diagnostics) {
	t.Helper()
	for _, d := range ds {
		for _, r := range []*hcl.Range{d.Subject, d.Context} {
			if r != nil && r.Filename == "f" && (r.Start.Byte < 0 || r.Start.Byte > r.End.Byte || r.End.Byte > len(src)) {
				t.Errorf("%q: %s: range %d-%d of %d bytes", src, d.Summary, r.Start.Byte, r.End.Byte, len(src))
			}
		}
	}
}
