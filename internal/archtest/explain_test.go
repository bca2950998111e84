package archtest

import (
	"go/ast"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/internal/explain"
	"github.com/meshplan/meshplan/internal/golden"
)

const meanings = "../explain/meanings.txt"

// TestCodesAreExplained compares the diagnostic codes of the program with what `meshplan explain` knows.
func TestCodesAreExplained(t *testing.T) {
	declared := declaredCodes(t)
	var lines []string
	for code, meaning := range declared {
		lines = append(lines, code+"\t"+meaning+"\n")
	}
	slices.Sort(lines)
	want := strings.Join(lines, "")
	if got, err := os.ReadFile(meanings); err != nil || string(got) != want {
		if golden.Update() {
			if err := os.WriteFile(meanings, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Errorf("internal/explain/meanings.txt does not repeat the comments of all codes: run MESHPLAN_UPDATE=1 go test ./internal/archtest")
		}
	}
	for _, p := range explain.Pages() {
		if _, ok := declared[p.Code]; !ok {
			t.Errorf("internal/explain/pages has a section for %s, which is no code of this program: remove it", p.Code)
		}
		delete(declared, p.Code)
		if p.Mend == "" {
			declared[p.Code] = ""
		}
	}
	for code := range declared {
		t.Errorf("%s: add a section \"## %s\" to a file in internal/explain/pages that says how to mend it, with an example where one helps", code, code)
	}
}

// declaredCodes returns the codes of all product packages with the sentence of their comments.
func declaredCodes(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	eachCode(t, func(_, name, doc string, value ast.Expr) {
		if lit, ok := value.(*ast.BasicLit); ok { // TestDiagnosticCodes complains of others
			code, _ := strconv.Unquote(lit.Value)
			out[code] = meaning(name, doc)
		}
	})
	return out
}

// meaning turns the comment `CodeX: what it means.` (or `CodeX is ...`) into a sentence on one line.
func meaning(name, doc string) string {
	s := strings.Join(strings.Fields(doc), " ")
	s = strings.TrimPrefix(strings.TrimPrefix(s, name), ":")
	s = strings.TrimSpace(s)
	s = strings.TrimPrefix(s, "is the code of ")
	if s != "" {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}
