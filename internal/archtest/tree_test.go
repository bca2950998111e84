package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// tree is the repository without what git ignores.
type tree struct {
	top   []string // the names in the top directory
	files []file
	fset  *token.FileSet
}

type file struct {
	path   string // with slashes, from the top
	text   []byte
	nested bool      // belongs to a nested module
	syntax *ast.File // of a Go file of this module outside testdata, else nil
}

func (f *file) dir() string  { return path.Dir(f.path) }
func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// isProduct reports whether f is Go source that ends up in a program.
func (f *file) isProduct() bool { return f.syntax != nil && !f.isTest() && !in(testSupport, f.dir()) }

// in reports whether the package or module p is one of the given ones or below one.
func in(paths []string, p string) bool {
	return slices.ContainsFunc(paths, func(q string) bool { return p == q || strings.HasPrefix(p, q+"/") })
}

func load(fsys fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	ignored := ignores(fsys)
	var nested []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || p == ".":
			return err
		case d.Name() == ".git" || ignored(p):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case path.Dir(p) == ".":
			t.top = append(t.top, p)
		}
		if d.IsDir() {
			if _, err := fs.Stat(fsys, p+"/go.mod"); err == nil {
				nested = append(nested, p)
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		f := file{path: p, nested: in(nested, p)}
		if f.text, err = fs.ReadFile(fsys, p); err != nil {
			return err
		}
		if bytes.IndexByte(f.text[:min(len(f.text), 8000)], 0) >= 0 {
			return nil // not a text
		}
		if path.Ext(p) == ".go" && !f.nested && !slices.Contains(strings.Split(p, "/"), "testdata") {
			// A file that does not parse is the compiler's to report.
			f.syntax, _ = parser.ParseFile(t.fset, p, f.text, parser.ParseComments|parser.SkipObjectResolution)
		}
		t.files = append(t.files, f)
		return nil
	})
	return t, err
}

// ignores returns what the top .gitignore says of a path. It knows names and patterns of one element, with or without
// a slash at the ends, which is all that this repository needs.
func ignores(fsys fs.FS) func(p string) bool {
	text, _ := fs.ReadFile(fsys, ".gitignore")
	return func(p string) bool {
		for line := range strings.Lines(string(text)) {
			pattern := strings.TrimSuffix(strings.TrimSpace(line), "/")
			pattern, anchored := strings.CutPrefix(pattern, "/")
			if pattern == "" || pattern[0] == '#' || anchored && strings.Contains(p, "/") {
				continue
			}
			if ok, _ := path.Match(pattern, path.Base(p)); ok {
				return true
			}
		}
		return false
	}
}
