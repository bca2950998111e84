package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/internal/schema"
)

// TestLanguageIsComplete reads the names of arguments and blocks out of the loader's source. Each must be declared here,
// and what is declared here must be among them.
func TestLanguageIsComplete(t *testing.T) {
	// What the loader knows in order to refuse it, and what stands elsewhere.
	elsewhere := []string{"connection", "version", "provisioner", "alias", "terraform", "ephemeral", "provider", "resource", "data", "locals"}
	declared := map[string]bool{}
	for name, l := range language() {
		declared[name] = true
		collect(l.block, declared)
	}
	collect(meta(), declared)
	collect(moduleArguments(), declared)
	files, err := filepath.Glob("../config/*.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			kv, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, _ := kv.Key.(*ast.Ident)
			lit, _ := kv.Value.(*ast.BasicLit)
			if key != nil && lit != nil && lit.Kind == token.STRING && (key.Name == "Name" || key.Name == "Type") {
				text, _ := strconv.Unquote(lit.Value)
				known[text] = true
			}
			return true
		})
	}
	if len(known) < 20 {
		t.Fatalf("the loader's source names only %v", slices.Sorted(maps.Keys(known)))
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if !declared[name] && !slices.Contains(elsewhere, name) {
			t.Errorf("the loader knows %q, which language.go does not declare: declare it where it belongs", name)
		}
	}
}

func collect(b *schema.Block, into map[string]bool) {
	for name := range b.Attributes {
		into[name] = true
	}
	for name, n := range b.Blocks {
		into[name] = true
		collect(&n.Block, into)
	}
}
