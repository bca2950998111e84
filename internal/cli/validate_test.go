package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tfjson "github.com/hashicorp/terraform-json"
)

// The JSON of validate is read by the library with which other programs read Terraform's.
func TestValidateJSON(t *testing.T) {
	for _, tc := range []struct {
		text             string
		valid            bool
		errors, warnings int
	}{
		{"", true, 0, 0},
		{"locals {\n  a = 1\n}\n", true, 0, 0},
		{"resource \"memory_object\" \"a\" {\n  name = local.b\n}\nlocals {\n  a = \"x\n}\n", false, 1, 0},
		{"resource \"memory_object\" \"a\" {\n  name = local.b\n  nmae = 1\n}\nmodule \"m\" {\n  source = \"./m\"\n  old    = 1\n}\n", false, 1, 1},
	} {
		dir := t.TempDir()
		child := "variable \"old\" {\n  type = number\n  default = 1\n  deprecated = \"Leave it out.\"\n}\n"
		if err := os.MkdirAll(filepath.Join(dir, "m"), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"main.mesh.hcl": tc.text, "m/main.mesh.hcl": child} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var out, errs bytes.Buffer
		code := run(&app{in: strings.NewReader(""), out: &out, err: &errs, registry: wrongRegistry, now: time.Now}, []string{"validate", "--json", dir})
		if (code == exitOK) != tc.valid || errs.Len() > 0 {
			t.Errorf("%q: exit code %d, stderr %s", tc.text, code, &errs)
		}
		var got tfjson.ValidateOutput
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, &out)
		}
		if got.FormatVersion != "1.0" || got.Valid != tc.valid || got.ErrorCount != tc.errors || got.WarningCount != tc.warnings || len(got.Diagnostics) != tc.errors+tc.warnings {
			t.Errorf("%q: %s", tc.text, &out)
		}
		for _, d := range got.Diagnostics {
			if d.Range == nil || d.Snippet == nil || d.Summary == "" || d.Detail == "" || d.Snippet.StartLine != d.Range.Start.Line ||
				d.Snippet.HighlightStartOffset > d.Snippet.HighlightEndOffset || d.Snippet.HighlightEndOffset > len(d.Snippet.Code) {
				t.Errorf("%q: %+v %+v", tc.text, d.Range, d.Snippet)
			}
		}
	}
}
