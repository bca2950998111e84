package cli

import (
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/schema"
)

// extremes are values that an argument may get and that nobody had in mind.
var extremes = []string{
	"kubernetes_namespace.other.uid",             // unknown until it is applied, a text
	"jsondecode(kubernetes_namespace.other.uid)", // and of any type
	"null", `""`, "-1", "[]", "[null]", "{ a = null }", "[{ a = null }]",
}

// TestArgumentsOfEveryTypeTakeWhateverComes gives extreme values to each argument of the example of every type, and to those that
// it leaves out. What is found wrong with them is said; nothing crashes.
func TestArgumentsOfEveryTypeTakeWhateverComes(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none")) // rbac would ask a cluster for kinds
	const others = "resource \"kubernetes_namespace\" \"other\" {\n  name = \"other\"\n}\n\n"
	for _, p := range (&app{registry: builtin}).catalog() {
		for _, typ := range p.Types {
			t.Run(typ.Title(), func(t *testing.T) {
				dir := exampleDir(t.TempDir())
				for text := range variants(t, others+typ.Schema.Example, typ) {
					dir.write(t, text)
					for _, args := range [][]string{{"plan", "--offline"}, {"rbac"}} {
						code, out, errs := dir.run(args...)
						if said := errs + out; code != exitOK && code != exitFailure || strings.Contains(said, "crashed") {
							t.Fatalf("%v exits with %d:\n%s\n%s", args, code, said, text)
						}
					}
				}
			})
		}
	}
}

// variants gives each argument of the first block of a type each of the extreme values, the arguments of its nested blocks as well.
func variants(t *testing.T, source string, typ docs.Type) iter.Seq[string] {
	return func(yield func(string) bool) {
		for n := 0; ; n++ {
			for _, value := range extremes {
				text, there := withArgument(t, source, typ, n, value)
				if !there || !yield(text) {
					return
				}
			}
		}
	}
}

// withArgument gives the nth argument of the first block of a type the value, counting those of its nested blocks. It reports
// whether there is one.
func withArgument(t *testing.T, source string, typ docs.Type, n int, value string) (string, bool) {
	t.Helper()
	f, ds := hclwrite.ParseConfig([]byte(source), "main.mesh.hcl", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	tokens := hclwrite.TokensForIdentifier(value) // which takes any text
	var set func(body *hclwrite.Body, b *schema.Block) bool
	set = func(body *hclwrite.Body, b *schema.Block) bool {
		for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
			if !b.Attributes[name].Settable() {
				continue
			}
			if n--; n < 0 {
				body.SetAttributeRaw(name, tokens)
				return true
			}
		}
		return slices.ContainsFunc(body.Blocks(), func(nested *hclwrite.Block) bool {
			of := b.Blocks[nested.Type()]
			return of != nil && set(nested.Body(), &of.Block)
		})
	}
	for _, b := range f.Body().Blocks() {
		if b.Type() == typ.Keyword() && b.Labels()[0] == typ.Name {
			done := set(b.Body(), &typ.Schema.Block)
			return string(f.Bytes()), done
		}
	}
	t.Fatalf("the example has no block of %s", typ.Title())
	return "", false
}
