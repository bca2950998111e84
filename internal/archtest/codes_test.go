package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var codeForm = regexp.MustCompile(`^[a-z0-9]+(\.[a-z0-9-]+)+$`)

// TestDiagnosticCodes checks that every diagnostic code has its form, is declared once, and is documented where it is declared: the
// comment is what people look up.
func TestDiagnosticCodes(t *testing.T) {
	seen := map[string]string{}
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "internal/sandbox/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../../"+name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.CONST {
				checkCodes(t, name, g, seen)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 50 {
		t.Errorf("only %d codes were found: does the test still look in the right places?", len(seen))
	}
}

func checkCodes(t *testing.T, file string, g *ast.GenDecl, seen map[string]string) {
	for _, s := range g.Specs {
		v := s.(*ast.ValueSpec)
		if !isCode(v.Type) {
			continue
		}
		name := v.Names[0].Name
		doc := v.Doc.Text()
		if !g.Lparen.IsValid() {
			doc = g.Doc.Text()
		}
		if doc == "" {
			doc = v.Comment.Text()
		}
		if len(strings.Fields(doc)) < 4 {
			t.Errorf("%s: %s needs a comment that says what was found", file, name)
		}
		lit, ok := v.Values[0].(*ast.BasicLit)
		if !ok {
			t.Errorf("%s: %s must be a string literal", file, name)
			continue
		}
		code, err := strconv.Unquote(lit.Value)
		if err != nil || !codeForm.MatchString(code) {
			t.Errorf("%s: %s = %s does not have the form area.finding", file, name, lit.Value)
		}
		if other, dup := seen[code]; dup {
			t.Errorf("%s: %s = %q is declared in %s already", file, name, code, other)
		}
		seen[code] = file + ": " + name
	}
}

// isCode recognises diag.Code, and Code inside package diag.
func isCode(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		return ok && x.Name == "diag" && e.Sel.Name == "Code"
	case *ast.Ident:
		return e.Name == "Code"
	}
	return false
}
