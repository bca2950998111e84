package cli

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// extremes are values that an argument may get and that nobody had in mind.
var extremes = []string{
	"kubernetes_namespace.other.uid",             // unknown until it is applied, a text
	"jsondecode(kubernetes_namespace.other.uid)", // and of any type
	"null", `""`, `"x"`, "-1", "[]", "{}", "[null]", `[""]`, "{ a = null }", "[{ a = null }]",
}

// TestArgumentsOfEveryTypeTakeWhateverComes puts extreme values in the place of each argument of the example of every type.
// What is found wrong with them is said; nothing crashes.
func TestArgumentsOfEveryTypeTakeWhateverComes(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none")) // rbac would ask a cluster for kinds
	const others = "resource \"kubernetes_namespace\" \"other\" {\n  name = \"other\"\n}\n\n"
	for _, p := range (&app{registry: builtin}).catalog() {
		for _, typ := range p.Types {
			t.Run(typ.Title(), func(t *testing.T) {
				source := []byte(others + typ.Schema.Example)
				dir := t.TempDir()
				for _, name := range fileRead.FindAllStringSubmatch(typ.Schema.Example, -1) {
					if err := os.WriteFile(filepath.Join(dir, name[1]), []byte("x"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				for n := 0; ; n++ {
					there := false
					for _, value := range extremes {
						var text []byte
						if text, there = withArgument(t, source, typ.Keyword(), typ.Name, n, value); !there {
							break
						}
						if err := os.WriteFile(filepath.Join(dir, "main.mesh.hcl"), text, 0o600); err != nil {
							t.Fatal(err)
						}
						for _, args := range [][]string{{"validate"}, {"plan", "--offline"}, {"rbac"}} {
							var out, errs bytes.Buffer
							a := &app{in: strings.NewReader(""), out: &out, err: &errs, env: []string{"HOME=" + dir}, registry: builtin, now: time.Now}
							code := run(a, append(args, dir))
							if said := errs.String() + out.String(); code != exitOK && code != exitFailure || strings.Contains(said, "crashed") {
								t.Fatalf("%v exits with %d:\n%s\n%s", args, code, said, text)
							}
						}
					}
					if !there {
						break
					}
				}
			})
		}
	}
}

// withArgument gives the nth argument of the first block of a type the value, counting those of its nested blocks. It reports
// whether there is one.
func withArgument(t *testing.T, source []byte, keyword, name string, n int, value string) ([]byte, bool) {
	t.Helper()
	f, ds := hclwrite.ParseConfig(source, "main.mesh.hcl", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	expr, ds := hclsyntax.LexExpression([]byte(value), "value", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	var tokens hclwrite.Tokens
	for _, tok := range expr {
		if tok.Type != hclsyntax.TokenEOF {
			tokens = append(tokens, &hclwrite.Token{Type: tok.Type, Bytes: tok.Bytes, SpacesBefore: 1})
		}
	}
	var set func(b *hclwrite.Body) bool
	set = func(b *hclwrite.Body) bool {
		for _, name := range slices.Sorted(maps.Keys(b.Attributes())) {
			if n--; n < 0 {
				b.SetAttributeRaw(name, tokens)
				return true
			}
		}
		return slices.ContainsFunc(b.Blocks(), func(nested *hclwrite.Block) bool { return set(nested.Body()) })
	}
	for _, b := range f.Body().Blocks() {
		if b.Type() == keyword && len(b.Labels()) == 2 && b.Labels()[0] == name {
			done := set(b.Body())
			return f.Bytes(), done
		}
	}
	t.Fatalf("the example has no block of %s %s", keyword, name)
	return nil, false
}
