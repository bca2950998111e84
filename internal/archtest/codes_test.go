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
	eachCode(t, func(file, name, doc string, value ast.Expr) {
		if len(strings.Fields(doc)) < 4 {
			t.Errorf("%s: %s needs a comment that says what was found", file, name)
		}
		lit, ok := value.(*ast.BasicLit)
		if !ok {
			t.Errorf("%s: %s must be a string literal", file, name)
			return
		}
		code, err := strconv.Unquote(lit.Value)
		if err != nil || !codeForm.MatchString(code) {
			t.Errorf("%s: %s = %s does not have the form area.finding", file, name, lit.Value)
		}
		if other, dup := seen[code]; dup {
			t.Errorf("%s: %s = %q is declared in %s already", file, name, code, other)
		}
		seen[code] = file + ": " + name
	})
	if len(seen) < 50 {
		t.Errorf("only %d codes were found: does the test still look in the right places?", len(seen))
	}
}

// eachCode visits the diagnostic codes that product packages declare, with their comments.
func eachCode(t *testing.T, visit func(file, name, doc string, value ast.Expr)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "internal/sandbox/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../../"+name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if !isCode(v.Type) {
					continue
				}
				doc := v.Doc.Text()
				if !g.Lparen.IsValid() {
					doc = g.Doc.Text()
				}
				if doc == "" {
					doc = v.Comment.Text()
				}
				visit(name, v.Names[0].Name, doc, v.Values[0])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
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
