package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// checks are all rules by name. Each returns one sentence for each violation.
var checks = []struct {
	name  string
	check func(*tree) []string
}{
	{"Imports", imports},
	{"PackageDocs", packageDocs},
	{"HiddenControlFlow", hiddenControlFlow},
	{"MachinePaths", machinePaths},
	{"TopLevel", topLevelEntries},
	{"Replace", replaceDirectives},
	{"FileSize", fileSize},
	{"Portability", portability},
}

// imports checks the import directions of rooms and the confined modules.
func imports(t *tree) (bad []string) {
	for i := range t.files {
		f := &t.files[i]
		if f.syntax == nil {
			continue
		}
		r := roomOf(f.dir())
		if r == nil {
			bad = append(bad, fmt.Sprintf("%s: %s is in no room. Put the code where it belongs, or give it a line in the table of rooms in internal/archtest", f.path, f.dir()))
			continue
		}
		for _, spec := range f.syntax.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			if why := r.refuses(f, p); why != "" {
				bad = append(bad, fmt.Sprintf("%s imports %s: %s", t.fset.Position(spec.Pos()), p, why))
			}
		}
	}
	return bad
}

func roomOf(dir string) (found *room) {
	for i := range rooms {
		r := &rooms[i]
		if (dir == r.path || !r.alone && in([]string{r.path}, dir)) && (found == nil || len(r.path) > len(found.path)) {
			found = r
		}
	}
	return found
}

// refuses returns why a file of r may not import the package p, and what to do; nothing if it may.
func (r *room) refuses(f *file, p string) string {
	if inside, ok := strings.CutPrefix(p, modulePath+"/"); ok {
		to := roomOf(inside)
		switch {
		case to == nil:
			return "there is no such room in this module"
		case to == r || f.isTest() && in(forTests, to.path) || slices.ContainsFunc(r.imports, func(a string) bool {
			below, ok := strings.CutSuffix(a, "...")
			return a == to.path || ok && strings.HasPrefix(inside, below)
		}):
			return ""
		case in(testSupport, to.path):
			return "that is for tests only. Move what is needed into product code, or this file into a _test.go"
		}
		return fmt.Sprintf("%s may import %s of this module. Declare an interface where it is used and let internal/cli put the parts together, or move the code",
			r.path, list(r.imports))
	}
	if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") || f.isTest() || in(testSupport, r.path) {
		return ""
	}
	if r.outside != nil && !in(r.outside, p) {
		return fmt.Sprintf("beyond the standard library %s may import %s. Move the code to a room that may", r.path, list(r.outside))
	}
	for _, c := range confined {
		if in(c.modules, p) && !in(c.rooms, r.path) {
			return "it is confined to " + list(c.rooms) + ". Put the code there, behind the interface that this file needs"
		}
	}
	return ""
}

func list(s []string) string {
	if len(s) == 0 {
		return "nothing"
	}
	return strings.Join(s, ", ")
}

// packageDocs checks that every package says what it is.
func packageDocs(t *tree) (bad []string) {
	docs := map[string]string{} // by directory
	names := map[string]string{}
	var dirs []string
	for i := range t.files {
		f := &t.files[i]
		if f.syntax == nil || f.isTest() {
			continue
		}
		if _, ok := names[f.dir()]; !ok {
			dirs = append(dirs, f.dir())
		}
		names[f.dir()] = f.syntax.Name.Name
		docs[f.dir()] += f.syntax.Doc.Text()
	}
	for _, dir := range dirs {
		const say = "Say what it is for, its central idea and its caveats in the comment above the package clause of one of its files"
		doc, start := docs[dir], "Package "+names[dir]+" "
		switch words := len(strings.Fields(doc)); {
		case words == 0:
			bad = append(bad, fmt.Sprintf("%s: the package has no doc comment. %s", dir, say))
		case names[dir] != "main" && !strings.HasPrefix(doc, start):
			bad = append(bad, fmt.Sprintf("%s: the doc comment must begin with %q; it begins with %q (two files with one each?)", dir, start, strings.Join(strings.Fields(doc)[:min(words, 4)], " ")))
		case words < minDocWords:
			bad = append(bad, fmt.Sprintf("%s: the doc comment has %d words only. %s", dir, words, say))
		}
	}
	return bad
}

// hiddenControlFlow checks for what acts behind the back of the caller.
func hiddenControlFlow(t *tree) (bad []string) {
	for i := range t.files {
		f := &t.files[i]
		if !f.isProduct() {
			continue
		}
		report := func(n ast.Node, format string, args ...any) {
			bad = append(bad, fmt.Sprintf("%s: ", t.fset.Position(n.Pos()))+fmt.Sprintf(format, args...))
		}
		osName := ""
		for _, spec := range f.syntax.Imports {
			switch spec.Path.Value {
			case `"log"`:
				if mayLog[f.path] != "" {
					continue
				}
				report(spec, "the log package is global state. Use the hclog.Logger that the caller hands in")
			case `"os"`:
				osName = "os"
				if spec.Name != nil {
					osName = spec.Name.Name
				}
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					report(n, "func init runs for everybody who imports the package. Make what it makes in a function that main calls")
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == osName && n.Sel.Name == "Exit" && !in([]string{"cmd"}, f.dir()) {
					report(n, "os.Exit skips every deferred call. Return an error; only cmd ends the process")
				}
			}
			return true
		})
	}
	return bad
}

// portability keeps what one system has out of files that every system compiles.
func portability(t *tree) (bad []string) {
	for i := range t.files {
		f := &t.files[i]
		if !f.isProduct() || forOneSystem(f) || systemCalls[f.path] != "" {
			continue
		}
		for _, spec := range f.syntax.Imports {
			if p := strings.Trim(spec.Path.Value, `"`); p == "syscall" || in([]string{"golang.org/x/sys"}, p) {
				bad = append(bad, fmt.Sprintf("%s imports %s, which differs between systems. Move that part to a file with a build constraint, for Unix and for Windows", t.fset.Position(spec.Pos()), p))
			}
		}
	}
	return bad
}

// forOneSystem reports whether the name of a file or a build constraint binds it.
func forOneSystem(f *file) bool {
	for _, s := range []string{"_windows.go", "_linux.go", "_darwin.go"} {
		if strings.HasSuffix(f.path, s) {
			return true
		}
	}
	for _, group := range f.syntax.Comments {
		if group.Pos() > f.syntax.Package {
			break
		}
		for _, c := range group.List {
			if constraint.IsGoBuild(c.Text) {
				return true
			}
		}
	}
	return false
}

// machinePath finds absolute paths of the machine that somebody worked on. In `$HOME/work/x`, `./work/x` and
// `example.com/home/x` the slash does not begin an absolute path.
var machinePath = regexp.MustCompile(`(?m)(?:^|file://|[^\w./})\]$*~-])(/(?:work|home|root)/[^\s"'` + "`" + `]*)`)

func machinePaths(t *tree) (bad []string) {
	for _, f := range t.files {
		for _, m := range machinePath.FindAllSubmatchIndex(f.text, -1) {
			line := 1 + bytes.Count(f.text[:m[2]], []byte("\n"))
			bad = append(bad, fmt.Sprintf("%s:%d: %s is a path of one machine. Use a relative path, $HOME or a temporary directory", f.path, line, f.text[m[2]:m[3]]))
		}
	}
	return bad
}

func topLevelEntries(t *tree) (bad []string) {
	for _, name := range t.top {
		if name[0] != '.' && !slices.Contains(topLevel, name) {
			bad = append(bad, fmt.Sprintf("%s: the top directory holds %s and nothing else. Move it into one of them, or let .gitignore name it if it is made by a tool", name, list(topLevel)))
		}
	}
	return bad
}

// replaceDirectives keeps `go install …@latest` working, which refuses a module with replace directives.
func replaceDirectives(t *tree) (bad []string) {
	for _, f := range t.files {
		if f.path != "go.mod" {
			continue
		}
		mod, err := modfile.Parse(f.path, f.text, nil)
		if err != nil {
			return []string{err.Error()}
		}
		for _, r := range mod.Replace {
			bad = append(bad, fmt.Sprintf("go.mod:%d: go install of this module fails as long as it replaces %s. Require a version that needs no replacement, or move the code to a nested module", r.Syntax.Start.Line, r.Old.Path))
		}
	}
	return bad
}

func fileSize(t *tree) (bad []string) {
	for i := range t.files {
		f := &t.files[i]
		if !f.isProduct() || ast.IsGenerated(f.syntax) {
			continue
		}
		if n := bytes.Count(f.text, []byte("\n")); n > maxLines {
			bad = append(bad, fmt.Sprintf("%s has %d lines, the limit is %d. Split it by concept and name the files %s", f.path, n, maxLines, path.Join(f.dir(), "<concept>.go")))
		}
	}
	return bad
}
