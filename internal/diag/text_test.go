package diag

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

const source = "resource \"memory_object\" \"web\" {\n\tnmae = \"web\"\n  value = \"\x1b[31m\" # a long line that goes on and on and on and on and on and on and on\n}\n"

func parsed(t *testing.T) map[string]*hcl.File {
	t.Helper()
	p := hclparse.NewParser()
	p.ParseHCL([]byte(source), "shop.mesh.hcl")
	return p.Files()
}

func at(line, col, start, end int) *hcl.Range {
	return &hcl.Range{Filename: "shop.mesh.hcl", Start: hcl.Pos{Line: line, Column: col, Byte: start}, End: hcl.Pos{Line: line, Column: col + end - start, Byte: end}}
}

func TestWriteText(t *testing.T) {
	name := strings.Index(source, "nmae")
	val := strings.Index(source, "value")
	secret := Error("config.invalid", "Bad value", "No.", at(2, 2, name, name+4))
	secret.Expression = hcl.StaticExpr(cty.StringVal("planted"), hcl.Range{})
	secret.EvalContext = &hcl.EvalContext{Variables: map[string]cty.Value{"x": cty.StringVal("planted")}}
	tests := map[string]struct {
		d    *hcl.Diagnostic
		o    TextOptions
		want string
	}{
		"source": {
			d: Error("config.unknown-argument", "Unsupported argument", `There is no "nmae". Did you mean "name"?`, at(2, 2, name, name+4)),
			o: TextOptions{Width: 40},
			want: `│ Error: Unsupported argument [config.unknown-argument]
│
│   on shop.mesh.hcl line 2, in resource "memory_object" "web":
│     2: 	nmae = "web"
│        	^^^^
│
│ There is no "nmae". Did you mean
│ "name"?

`},
		"clipped, hostile, ASCII": {
			d: Warning("", "Odd", "Run:\n  meshplan fmt --a-very-long-flag --another-very-long-flag", at(3, 3, val, val+5)),
			o: TextOptions{Width: 40, ASCII: true},
			want: `| Warning: Odd [config.expression]
|
|   on shop.mesh.hcl line 3, in resource "memory_object" "web":
|     3:   value = "?[31m" # a lon...
|          ^^^^^
|
| Run:
|   meshplan fmt --a-very-long-flag --another-very-long-flag

`},
		"no source": {
			d:    For(Error("k8s.forbidden", "Forbidden\x1b[2J", "", at(2, 2, name, name+4)), `a.b["c"]`),
			want: "│ Error: Forbidden\uFFFD[2J [k8s.forbidden]\n│\n│   with a.b[\"c\"],\n│   on shop.mesh.hcl line 2\n\n",
		},
		"no place": {
			d:    For(Errorf("k8s.timeout", "Timeout", "Late."), "a.b"),
			want: "│ Error: Timeout [k8s.timeout]\n│\n│   with a.b\n│\n│ Late.\n\n",
		},
		"values of the expression stay unseen": {
			d: secret,
			want: `│ Error: Bad value [config.invalid]
│
│   on shop.mesh.hcl line 2, in resource "memory_object" "web":
│     2: 	nmae = "web"
│        	^^^^
│
│ No.

`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if name != "no source" {
				tt.o.Files = parsed(t)
			}
			var b strings.Builder
			if err := WriteText(&b, hcl.Diagnostics{tt.d}, tt.o); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("WriteText (-want +got):\n%s", diff)
			}
		})
	}
}

func TestToJSON(t *testing.T) {
	name := strings.Index(source, "nmae")
	got, err := json.Marshal(ToJSON(For(Error("a.b", "S", "D", at(2, 2, name, name+4)), "x.y"), parsed(t)))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"severity":"error","code":"a.b","summary":"S","detail":"D","address":"x.y",` +
		`"range":{"filename":"shop.mesh.hcl","start":{"line":2,"column":2,"byte":34},"end":{"line":2,"column":6,"byte":38}},` +
		`"snippet":{"context":"resource \"memory_object\" \"web\"","code":"\tnmae = \"web\"","start_line":2,"highlight_start_offset":1,"highlight_end_offset":5,"values":[]}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("ToJSON (-want +got):\n%s", diff)
	}
}

// Any range, even one that does not fit the file, is shown without a panic, and never with an escape sequence.
func TestWriteTextAnyRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.String().Draw(t, "source")
		start := rapid.IntRange(-1, len(src)+2).Draw(t, "start")
		d := Error("a.b", "s", "d", at(1, 1, start, start+rapid.IntRange(-2, 9).Draw(t, "length")))
		files := map[string]*hcl.File{"shop.mesh.hcl": {Bytes: []byte(src)}}
		var b strings.Builder
		if err := WriteText(&b, hcl.Diagnostics{d}, TextOptions{Files: files, Width: rapid.IntRange(0, 60).Draw(t, "width")}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\x07") {
			t.Fatalf("control characters in %q", b.String())
		}
		ToJSON(d, files)
	})
}

func TestWrapKeepsWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[a-z]{1,12}( [a-z]{1,12}){0,20}`).Draw(t, "text")
		width := rapid.IntRange(1, 40).Draw(t, "width")
		lines := Wrap(s, width)
		if got := strings.Join(lines, " "); got != s {
			t.Fatalf("Wrap lost words: %q", got)
		}
		for _, l := range lines {
			if len(l) > width && strings.Contains(l, " ") {
				t.Fatalf("line %q is longer than %d", l, width)
			}
		}
	})
}
