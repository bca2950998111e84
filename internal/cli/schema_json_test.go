package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// nativeToJSON writes native syntax in the JSON form of HCL: constants as they are, other expressions as templates.
func nativeToJSON(t *testing.T, src []byte, file string) []byte {
	t.Helper()
	f, ds := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	b, err := json.MarshalIndent(bodyJSON(f.Body.(*hclsyntax.Body), src, ""), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bodyJSON(b *hclsyntax.Body, src []byte, block string) map[string]any {
	out := map[string]any{}
	for name, a := range b.Attributes {
		out[name] = exprJSON(a.Expr, src, name, block)
	}
	for _, inner := range b.Blocks {
		into := out
		path := append([]string{inner.Type}, inner.Labels...)
		for _, step := range path[:len(path)-1] {
			next, ok := into[step].(map[string]any)
			if !ok {
				next = map[string]any{}
				into[step] = next
			}
			into = next
		}
		last := path[len(path)-1]
		list, _ := into[last].([]any)
		into[last] = append(list, bodyJSON(inner.Body, src, inner.Type))
	}
	return out
}

func exprJSON(e hclsyntax.Expression, src []byte, name, block string) any {
	text := string(e.Range().SliceBytes(src))
	if block == "variable" && name == "type" {
		return text
	}
	if name == "depends_on" || name == "provider" && block != "module" {
		list, isList := e.(*hclsyntax.TupleConsExpr)
		if !isList {
			return text
		}
		out := []any{}
		for _, x := range list.Exprs {
			out = append(out, string(x.Range().SliceBytes(src)))
		}
		return out
	}
	if passed, ok := e.(*hclsyntax.ObjectConsExpr); ok && name == "providers" {
		out := map[string]any{}
		for _, item := range passed.Items {
			out[string(item.KeyExpr.Range().SliceBytes(src))] = string(item.ValueExpr.Range().SliceBytes(src))
		}
		return out
	}
	if v, ds := e.Value(nil); !ds.HasErrors() && v.IsWhollyKnown() {
		if b, err := ctyjson.Marshal(v, v.Type()); err == nil && !strings.ContainsAny(string(b), "$%") {
			return json.RawMessage(b)
		}
	}
	switch e := e.(type) {
	case *hclsyntax.ObjectConsExpr:
		out := map[string]any{}
		for _, item := range e.Items {
			key, ds := item.KeyExpr.Value(nil)
			if ds.HasErrors() || key.Type() != cty.String {
				return "${" + text + "}"
			}
			out[key.AsString()] = exprJSON(item.ValueExpr, src, "", "")
		}
		return out
	case *hclsyntax.TupleConsExpr:
		out := []any{}
		for _, x := range e.Exprs {
			out = append(out, exprJSON(x, src, "", ""))
		}
		return out
	}
	return "${" + text + "}"
}

// configurations returns the files of every example.
func configurations(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	files, err := filepath.Glob("../../examples/*/*.mesh.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no examples: %v", err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = src
	}
	return out
}

func decode(t *testing.T, b []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(fmt.Errorf("%w in %s", err, b))
	}
	return v
}
