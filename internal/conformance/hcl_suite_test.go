package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// The expressions of HCL's own suite, which comes with its module, have the values that it says.
func TestHCLSuite(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/hashicorp/hcl/v2").Output()
	if err != nil {
		t.Skip("skipped: the source of HCL is not on this machine: ", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "specsuite", "tests", "expressions", "*.t"))
	if err != nil || len(files) < 3 {
		t.Fatal("the suite has moved", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			base := strings.TrimSuffix(file, ".t")
			vars := map[string]cty.Value{}
			for _, b := range suiteBody(t, base+".hcldec").Blocks {
				if b.Type != "variables" {
					continue
				}
				for name, a := range b.Body.Attributes {
					vars[name] = suiteValue(t, a.Expr, nil)
				}
			}
			ctx := &hcl.EvalContext{Variables: vars, Functions: functions()}
			got := suiteObject(t, suiteBody(t, base+".hcl"), ctx)
			want := suiteValue(t, suiteBody(t, base+".t").Attributes["result"].Expr, nil)
			if diff := suiteDiff("", got, want); len(diff) > 0 {
				t.Error(strings.Join(diff, "\n"))
			}
		})
	}
}

func suiteBody(t *testing.T, path string) *hclsyntax.Body {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, ds := hclsyntax.ParseConfig(src, filepath.Base(path), hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	return f.Body.(*hclsyntax.Body)
}

func suiteValue(t *testing.T, e hcl.Expression, ctx *hcl.EvalContext) cty.Value {
	t.Helper()
	v, ds := e.Value(ctx)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	return v
}

// suiteObject makes an object of a body: blocks become attributes, and their labels attributes of these.
func suiteObject(t *testing.T, b *hclsyntax.Body, ctx *hcl.EvalContext) cty.Value {
	t.Helper()
	attrs := map[string]cty.Value{}
	for name, a := range b.Attributes {
		attrs[name] = suiteValue(t, a.Expr, ctx)
	}
	for _, block := range b.Blocks {
		v := suiteObject(t, block.Body, ctx)
		if len(block.Labels) == 0 {
			attrs[block.Type] = v
			continue
		}
		labelled := map[string]cty.Value{}
		if old, ok := attrs[block.Type]; ok {
			labelled = old.AsValueMap()
		}
		labelled[block.Labels[0]] = v
		attrs[block.Type] = cty.ObjectVal(labelled)
	}
	return cty.ObjectVal(attrs)
}

// suiteDiff compares, as the suite does not say which of its literals are maps and lists. What one side leaves out is
// null.
func suiteDiff(at string, got, want cty.Value) (out []string) {
	if g, w := got.Type(), want.Type(); (g.IsObjectType() || g.IsMapType()) && (w.IsObjectType() || w.IsMapType()) && !got.IsNull() && !want.IsNull() {
		gm, wm := got.AsValueMap(), want.AsValueMap()
		for k := range gm {
			if _, ok := wm[k]; !ok {
				out = append(out, at+"."+k+" is not expected")
			}
		}
		for k, w := range wm {
			g, ok := gm[k]
			if !ok {
				g = cty.NullVal(w.Type())
			}
			out = append(out, suiteDiff(at+"."+k, g, w)...)
		}
		return out
	}
	same, err := convert.Convert(got, want.Type())
	if err != nil || !same.RawEquals(want) {
		out = append(out, at+": "+got.GoString()+", want "+want.GoString())
	}
	return out
}
