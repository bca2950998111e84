package render_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// renderers are all ways to write a plan.
var renderers = map[string]func(*bytes.Buffer, *plans.Plan) error{
	"text": func(b *bytes.Buffer, p *plans.Plan) error { return render.Text(b, p, render.TextOptions{Width: 80}) },
	"color": func(b *bytes.Buffer, p *plans.Plan) error {
		return render.Text(b, p, render.TextOptions{Paint: diag.Paint{On: true}})
	},
	"json":     func(b *bytes.Buffer, p *plans.Plan) error { return render.JSON(b, p) },
	"markdown": func(b *bytes.Buffer, p *plans.Plan) error { return render.Markdown(b, p, render.MarkdownOptions{}) },
	"dot":      func(b *bytes.Buffer, p *plans.Plan) error { return render.DOT(b, p) },
	"mermaid": func(b *bytes.Buffer, p *plans.Plan) error {
		_, err := render.Mermaid(b, p, render.MermaidOptions{})
		return err
	},
	"tree": func(b *bytes.Buffer, p *plans.Plan) error { return render.Tree(b, p, render.TreeOptions{}) },
}

func renderTo(t testing.TB, name string, p *plans.Plan) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := renderers[name](&b, p); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b.Bytes()
}

// stable replaces what differs because certificates are made for each run.
var stable = golden.Replace(`sha256 [0-9a-f]{8}…[0-9a-f]{8}`, "sha256 FINGERPRINT", `-----BEGIN CERTIFICATE-----[^"]*-----END CERTIFICATE-----`, "CERTIFICATE")

func TestGolden(t *testing.T) {
	for name := range renderers {
		t.Run(name, func(t *testing.T) {
			out := renderTo(t, name, rollout(t))
			if name == "json" {
				var b bytes.Buffer
				if err := json.Indent(&b, out, "", "  "); err != nil {
					t.Fatal(err)
				}
				out = b.Bytes()
			}
			golden.Check(t, name, out, stable)
		})
	}
	t.Run("rollback", func(t *testing.T) { golden.Check(t, "rollback", renderTo(t, "text", reverting(t)), stable) })
	t.Run("rollback markdown", func(t *testing.T) {
		golden.Check(t, "rollback-markdown", renderTo(t, "markdown", reverting(t)), stable)
	})
}

func TestNoSecret(t *testing.T) {
	for name := range renderers {
		for _, p := range []*plans.Plan{rollout(t), reverting(t)} {
			out := string(renderTo(t, name, p))
			for _, bad := range []string{planted, "PRIVATE KEY", "LS0tLS1CRUdJTiBQUklWQVRF"} {
				if strings.Contains(out, bad) {
					t.Errorf("%s shows %q", name, bad)
				}
			}
		}
	}
}

func TestDeterministic(t *testing.T) {
	p := rollout(t)
	for name := range renderers {
		if a, b := renderTo(t, name, p), renderTo(t, name, p); !bytes.Equal(a, b) {
			t.Errorf("%s differs from run to run", name)
		}
	}
}

func TestCountLine(t *testing.T) {
	for want, p := range map[string]*plans.Plan{
		"Plan: 1 to create, 1 to update, 1 to replace, 1 to delete.": rollout(t),
		"Plan: 0 to create, 0 to update, 0 to replace, 1 to delete.": reverting(t),
		"No changes.": {Mode: plans.Normal, Changes: rollout(t).Changes[:1]},
		"Plan: 0 to create, 0 to update, 0 to replace, 0 to delete.": {Mode: plans.Normal, Outputs: rollout(t).Outputs[:1]},
	} {
		if got := render.CountLine(p); got != want {
			t.Errorf("CountLine = %q, want %q", got, want)
		}
		if lines := strings.Split(strings.TrimSpace(string(renderTo(t, "text", p))), "\n"); lines[len(lines)-1] != want {
			t.Errorf("the last line of the text is %q, want %q", lines[len(lines)-1], want)
		}
	}
}

// Tools read the JSON with HashiCorp's own library.
func TestJSONIsTerraforms(t *testing.T) {
	var p tfjson.Plan
	if err := json.Unmarshal(renderTo(t, "json", rollout(t)), &p); err != nil {
		t.Fatal(err)
	}
	actions := map[string]tfjson.Actions{}
	for _, c := range p.ResourceChanges {
		actions[c.Address] = c.Change.Actions
	}
	if a := actions["linkerd_trust_anchor.main"]; !a.Create() {
		t.Errorf("trust anchor: %v, want create", a)
	}
	if a := actions["linkerd_identity_issuer.main"]; !a.CreateBeforeDestroy() {
		t.Errorf("issuer: %v, want create before delete", a)
	}
	if a := actions[`kubernetes_manifest.web["eu"]`]; !a.Update() {
		t.Errorf("web: %v, want update", a)
	}
	if a := actions["kubernetes_manifest.left"]; !a.Forget() {
		t.Errorf("left: %v, want forget", a)
	}
	web := p.ResourceChanges[3]
	if web.Index != "eu" || web.ModuleAddress != "" || web.Mode != tfjson.ManagedResourceMode {
		t.Errorf("web is addressed by %#v", web)
	}
	if s, ok := web.Change.AfterSensitive.(map[string]any); !ok || s["token"] != true {
		t.Errorf("after_sensitive of web = %v, want token", web.Change.AfterSensitive)
	}
	if u, ok := p.ResourceChanges[2].Change.AfterUnknown.(map[string]any); !ok || u["certificate"] != true {
		t.Errorf("after_unknown of the trust anchor = %v, want certificate", p.ResourceChanges[2].Change.AfterUnknown)
	}
	if p.Variables["region"].Value != "eu" || p.Variables["password"].Value != nil {
		t.Errorf("variables = %v", p.Variables)
	}
	if len(p.ResourceDrift) != 1 || p.OutputChanges["url"] == nil || !p.OutputChanges["url"].Actions.Create() {
		t.Errorf("drift = %v, outputs = %v", p.ResourceDrift, p.OutputChanges)
	}
	if n := len(p.PlannedValues.RootModule.Resources); n != 5 {
		t.Errorf("planned_values has %d resources, want 5", n)
	}
}

// Hostile names and values can break out of no format.
func TestHostile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"```\n</details><script>", "@all `x`", "\x1b[2J", "\u202e", `"]; evil`, "](http://x)"}))
		c := &plans.Change{
			Addr:   addr.Instance{Resource: addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: "x"}, Key: addr.StringKey(text.Draw(t, "key"))},
			Action: plans.Update, Notes: []string{text.Draw(t, "note")},
			Before: obj("a", text.Draw(t, "before")), After: obj("a", text.Draw(t, "after"), text.Draw(t, "name"), "x"),
		}
		p := &plans.Plan{Mode: plans.Normal, Changes: []*plans.Change{c}, Steps: []plans.Step{{Op: plans.OpUpdate}, {Op: plans.OpUpdate, Deps: []int{0}}}}
		for name, f := range renderers {
			var b bytes.Buffer
			if err := f(&b, p); err != nil {
				t.Fatal(err)
			}
			out := b.String()
			forbidden := map[string]string{"color": "\x07", "json": "\x1b\x07"}[name] // JSON is no text for people: it keeps what is not a control character
			if forbidden == "" {
				forbidden = "\x1b\x07\u202e"
			}
			if strings.ContainsAny(out, forbidden) || !utf8.ValidString(out) {
				t.Fatalf("%s holds control characters: %q", name, out)
			}
			switch name {
			case "markdown":
				outside := dropFences(out)
				if strings.Contains(outside, "@") || strings.Contains(outside, "<script") || strings.Count(outside, "</details>") != strings.Count(outside, "<details") {
					t.Fatalf("markdown lets it out: %s", out)
				}
			case "mermaid":
				if strings.Count(out, `"`) != 4 {
					t.Fatalf("mermaid lets it out: %s", out)
				}
			case "dot":
				for l := range strings.Lines(out) {
					if strings.Contains(l, "label") && !strings.HasSuffix(l, ", fillcolor = khaki];\n") {
						t.Fatalf("dot lets it out: %s", out)
					}
				}
			}
		}
	})
}

// dropFences removes fenced blocks as CommonMark finds them.
func dropFences(s string) string {
	var out strings.Builder
	fence := ""
	for l := range strings.Lines(s) {
		trimmed := strings.TrimRight(l, "\n")
		ticks := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			fence = ticks
		case fence != "" && trimmed == ticks && len(ticks) >= len(fence):
			fence = ""
		case fence == "":
			out.WriteString(l)
		}
	}
	return out.String()
}

// A marked value is hidden wherever it stands, and never mistaken for another one.
func TestMarkedAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := cty.StringVal(planted).Mark(schema.Sensitive)
		for range rapid.IntRange(0, 5).Draw(t, "depth") {
			switch rapid.IntRange(0, 3).Draw(t, "shape") {
			case 0:
				v = cty.TupleVal([]cty.Value{cty.True, v})
			case 1:
				v = cty.ObjectVal(map[string]cty.Value{"a": v, "b": cty.Zero})
			case 2:
				v = cty.ListVal([]cty.Value{v})
			case 3:
				v = cty.SetVal([]cty.Value{v})
			}
		}
		c := &plans.Change{Addr: instanceOf("memory_object", "x"), Action: plans.Update, Before: obj("v", "before"), After: obj("v", v)}
		p := &plans.Plan{Mode: plans.Normal, Changes: []*plans.Change{c}}
		for name, f := range renderers {
			var b bytes.Buffer
			if err := f(&b, p); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), planted) {
				t.Fatalf("%s shows the secret: %s", name, b.String())
			}
		}
	})
}

func instanceOf(typ, name string) addr.Instance {
	return addr.Instance{Resource: addr.Resource{Mode: addr.Managed, Type: typ, Name: name}}
}

// Without steps the graph is that of the dependencies; all instances of a resource are reached through one node.
func TestDependencyGraph(t *testing.T) {
	p := &plans.Plan{Mode: plans.Normal}
	many := addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: "many"}
	base := instanceOf("memory_object", "base")
	p.Changes = append(p.Changes, &plans.Change{Addr: base, Action: plans.NoOp})
	for i := range 40 {
		p.Changes = append(p.Changes, &plans.Change{Addr: many.Instance(addr.IntKey(i)), Action: plans.NoOp, DependsOn: []addr.Instance{base}})
	}
	for i := range 40 {
		p.Changes = append(p.Changes, &plans.Change{Addr: addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: "user"}.Instance(addr.IntKey(i)), Action: plans.NoOp,
			DependsOn: []addr.Instance{many.Instance(addr.NoKey), base}})
	}
	out := string(renderTo(t, "dot", p))
	if got, want := strings.Count(out, " -> "), 120; got != want {
		t.Errorf("%d edges, want %d", got, want)
	}
	tree := string(renderTo(t, "tree", p))
	if got := strings.Count(tree, "memory_object.base"); got != 40 {
		t.Errorf("the tree names the base %d times, want 40 (once below each of many):\n%s", got, tree)
	}
}

// Values of thousands of lines are summed up, unless all is asked for; what changes inside them is always shown.
func TestLongValues(t *testing.T) {
	schema := func(last string) cty.Value {
		m := map[string]cty.Value{}
		for i := range 500 {
			m[fmt.Sprintf("field%03d", i)] = obj("type", "string", "nested", obj("a", 1, "b", 2))
		}
		m["field499"] = str(last)
		return obj("spec", obj("schema", cty.ObjectVal(m)), "text", strings.Repeat("line\n", 300))
	}
	c := &plans.Change{Addr: instanceOf("memory_object", "x"), Action: plans.Create, After: schema("planted")}
	p := &plans.Plan{Mode: plans.Normal, Changes: []*plans.Change{c}}
	out := string(renderTo(t, "text", p))
	if n := strings.Count(out, "\n"); n > 80 || !strings.Contains(out, "schema = {…} (500 attributes, 3496 lines)") || !strings.Contains(out, "# (250 lines more)") {
		t.Errorf("%d lines:\n%s", n, out)
	}
	var full bytes.Buffer
	if err := render.Text(&full, p, render.TextOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(full.String(), "\n"); n < 3700 || !strings.Contains(full.String(), "planted") {
		t.Errorf("all of it has %d lines only", n)
	}
	c.Action, c.Before = plans.Update, schema("former")
	if out := string(renderTo(t, "text", p)); !strings.Contains(out, `~ field499 = "former" -> "planted"`) {
		t.Errorf("the change is hidden:\n%s", out)
	}
}

// TestRecordsThatAreBroughtUpToDate: a reader is told of records that change although no object does, and not of what a provider
// only remembers for itself.
func TestRecordsThatAreBroughtUpToDate(t *testing.T) {
	p := &plans.Plan{Mode: plans.Normal}
	for i := range 3 {
		p.Changes = append(p.Changes, &plans.Change{Addr: addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: "x"}.Instance(addr.IntKey(i)), Action: plans.NoOp,
			Before: obj("name", "x"), After: obj("name", "x"), Refreshed: i > 0})
		p.Steps = append(p.Steps, plans.Step{Change: i, Op: plans.OpRecord})
	}
	if out := string(renderTo(t, "text", p)); !strings.Contains(out, "No changes.\nThe next apply brings 1 record up to date") {
		t.Errorf("one record is written anew: %s", out)
	}
	p.Changes[0].Refreshed = true
	if out := string(renderTo(t, "text", p)); strings.Contains(out, "up to date") {
		t.Errorf("nothing that matters is written: %s", out)
	}
}

func TestTextScales(t *testing.T) {
	p := &plans.Plan{Mode: plans.Normal}
	for i := range 5000 {
		p.Changes = append(p.Changes, &plans.Change{Addr: addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: "x"}.Instance(addr.IntKey(i)), Action: plans.Create,
			Before: cty.NullVal(cty.EmptyObject), After: obj("name", fmt.Sprint(i))})
	}
	out := string(renderTo(t, "text", p))
	if !strings.Contains(out, "… and 4980 more to create") {
		t.Errorf("the summary is not bounded: %s", out[len(out)-500:])
	}
}
