package config

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestFormat(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"a.mesh.hcl", "locals {\na=1\n  bb   = {x=1}   # c\n}\n", "locals {\n  a  = 1\n  bb = { x = 1 } # c\n}\n"},
		{"a.mesh.hcl", "locals {\n", "locals {\n"}, // a syntax error: untouched
		{"a.mesh.hcl.json", `{"locals":{"a":[1,2]}}`, "{\n  \"locals\": {\n    \"a\": [\n      1,\n      2\n    ]\n  }\n}\n"},
		{"a.mesh.hcl.json", `{"locals":`, `{"locals":`},
	} {
		got, ds := Format([]byte(tc.in), tc.name)
		if string(got) != tc.want || ds.HasErrors() != (tc.in == tc.want) {
			t.Errorf("Format(%q) = %q, %v; want %q", tc.in, got, ds, tc.want)
		}
	}
}

// Formatting what is formatted changes nothing, and never changes what the text means.
func TestFormatIdempotent(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", " ", "  ", "=", "1", "\n", "{", "}", "[", "]", "(", ")", "\"x\"", "${", "# c", "/* c */", ",", "?", ":", "-", "!", "resource", "<<EOT\n  t\nEOT\n",
		"a = 1\n", "b {\n", "}\n", "x = {\n", "f(1,2)", "\t", "\r\n", "//c\n", "a.b[0].*", "for x in y : x"})
	rapid.Check(t, func(t *rapid.T) {
		var src []byte
		for _, p := range rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces") {
			src = append(src, p...)
		}
		checkIdempotent(t, src)
	})
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte(rollout))
	f.Add([]byte(wrongValues))
	f.Add([]byte("a =1\nb= <<X\n ${x}\nX\n"))
	f.Fuzz(func(t *testing.T, src []byte) { checkIdempotent(t, src) })
}

func checkIdempotent(t interface{ Fatalf(string, ...any) }, src []byte) {
	once, ds := Format(src, "f.mesh.hcl")
	if ds.HasErrors() {
		if !bytes.Equal(once, src) {
			t.Fatalf("text with errors was changed: %q to %q", src, once)
		}
		return
	}
	twice, ds := Format(once, "f.mesh.hcl")
	if ds.HasErrors() || !bytes.Equal(once, twice) {
		t.Fatalf("formatting twice differs: %q, %q, %q, %v", src, once, twice, ds)
	}
}
