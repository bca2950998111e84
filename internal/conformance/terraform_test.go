package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/meshplan/meshplan/internal/golden"
)

// peer is a terraform or tofu to compare with.
type peer struct {
	path string
	tofu bool
	env  []string // besides that of the test
}

// findPeer returns the program that TERRAFORM names, or the terraform or tofu on the path. Without one, or when not
// asked, the test is skipped: to start it is slow.
func findPeer(t *testing.T) peer {
	t.Helper()
	if os.Getenv("MESHPLAN_CONFORMANCE") == "" {
		t.Skip("skipped: run by make conformance")
	}
	for _, name := range []string{os.Getenv("TERRAFORM"), "terraform", "tofu"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return peer{path: path, tofu: strings.Contains(filepath.Base(path), "tofu")}
		}
	}
	t.Skip("skipped: no terraform on this machine")
	return peer{}
}

// run runs a command in a directory that has nothing of the user's settings.
func (p peer) run(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	cmd.Env = append(cmd.Env, p.env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", p.path, strings.Join(args, " "), err, errs.String(), out)
	}
	return out
}

// notInTofu are parts of expressions that OpenTofu 1.10 computes in another way than Terraform, which decides.
var notInTofu = []string{"ephemeralasnull(", "templatestring(", `format("%v", null)`, "issensitive(local.unknown)", "true || ", "false && ", " || true", " && false"}

// Terraform still says what was recorded from it; with MESHPLAN_UPDATE=1 what it says is recorded.
func TestTerraformExpressions(t *testing.T) {
	p := findPeer(t)
	for _, table := range tables(t) {
		t.Run(filepath.Base(table), func(t *testing.T) {
			if own := filepath.Base(table) == "opentofu"; own && !p.tofu {
				t.Skip("skipped: only OpenTofu has these functions")
			} else if golden.Update() && own != p.tofu {
				t.Skip("skipped: recorded with the other program")
			}
			exprs := expressions(t, table)
			if p.tofu {
				exprs = slices.DeleteFunc(exprs, func(e string) bool {
					return slices.ContainsFunc(notInTofu, func(f string) bool { return strings.Contains(e, f) })
				})
			}
			dir := t.TempDir()
			unknown := isUnknown(table)
			write(t, dir, "main.tf", terraformTable(exprs, unknown))
			var got []string
			if unknown {
				got = p.unknowns(t, dir, len(exprs))
			} else {
				got = p.values(t, dir, len(exprs))
			}
			if golden.Update() {
				var b strings.Builder
				for i, e := range exprs {
					b.WriteString(e + arrow + got[i] + "\n")
				}
				write(t, filepath.Dir(table), filepath.Base(table)+".want", b.String())
				return
			}
			want := recorded(t, table)
			for i, e := range exprs {
				if got[i] != want[e] {
					t.Errorf("%s = %s here, %s when recorded", e, got[i], want[e])
				}
			}
		})
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// terraformTable makes every expression an output.
func terraformTable(exprs []string, unknown bool) string {
	var b strings.Builder
	b.WriteString("locals {\n")
	for name, text := range locals {
		fmt.Fprintf(&b, "%s = %s\n", name, strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", text)))
	}
	if unknown {
		b.WriteString("unknown = timestamp()\n")
	}
	fmt.Fprintf(&b, "}\nvariable \"secret\" {\n default = %q\n sensitive = true\n}\n", secret)
	for i, e := range exprs {
		value := fmt.Sprintf("try({ ok = %s }, %q)", e, failed)
		if unknown { // try gives up on anything unknown, so errors cannot be caught
			value = fmt.Sprintf("{ ok = %s }", e)
		}
		fmt.Fprintf(&b, "output \"e%d\" {\n sensitive = true\n value = %s\n}\n", i, value)
	}
	return b.String()
}

// values applies the table and returns values with their types.
func (p peer) values(t *testing.T, dir string, n int) []string {
	t.Helper()
	p.run(t, dir, "apply", "-auto-approve", "-no-color")
	var outputs map[string]struct {
		Type  json.RawMessage
		Value json.RawMessage
	}
	if err := json.Unmarshal(p.run(t, dir, "output", "-json"), &outputs); err != nil {
		t.Fatal(err)
	}
	got := make([]string, n)
	for i := range n {
		o := outputs[fmt.Sprintf("e%d", i)]
		var types []json.RawMessage
		if json.Unmarshal(o.Type, &types) != nil {
			got[i] = failed
			continue
		}
		var attrs map[string]json.RawMessage
		var value map[string]json.RawMessage
		if err := json.Unmarshal(types[1], &attrs); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(o.Value, &value); err != nil {
			t.Fatal(err)
		}
		ty, err := ctyjson.UnmarshalType(attrs["ok"])
		if err != nil {
			t.Fatal(err)
		}
		text, err := canonical(value["ok"])
		if err != nil {
			t.Fatal(err)
		}
		got[i] = text + " : " + typeexpr.TypeString(ty)
	}
	return got
}

// unknowns plans the table and returns values with a question mark for what is not known.
func (p peer) unknowns(t *testing.T, dir string, n int) []string {
	t.Helper()
	p.run(t, dir, "plan", "-no-color", "-out=plan")
	var plan struct {
		Changes map[string]struct {
			After        json.RawMessage
			AfterUnknown any `json:"after_unknown"`
		} `json:"output_changes"`
	}
	if err := json.Unmarshal(p.run(t, dir, "show", "-json", "plan"), &plan); err != nil {
		t.Fatal(err)
	}
	got := make([]string, n)
	for i := range n {
		o := plan.Changes[fmt.Sprintf("e%d", i)]
		var after any
		if err := json.Unmarshal(o.After, &after); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(overlay(after, o.AfterUnknown).(map[string]any)["ok"])
		if err != nil {
			t.Fatal(err)
		}
		if got[i], err = canonical(raw); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// overlay puts a question mark where something is not known.
func overlay(after, unknown any) any {
	switch u := unknown.(type) {
	case bool:
		if u {
			return "?"
		}
	case map[string]any:
		m, _ := after.(map[string]any)
		out := map[string]any{}
		for k, v := range m {
			out[k] = v
		}
		for k, inner := range u {
			out[k] = overlay(out[k], inner)
		}
		return out
	case []any:
		l, _ := after.([]any)
		out := make([]any, max(len(u), len(l)))
		for i := range out {
			var a, b any
			if i < len(l) {
				a = l[i]
			}
			if i < len(u) {
				b = u[i]
			}
			out[i] = overlay(a, b)
		}
		return out
	}
	return after
}
