package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/ui"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// removal is a plan that deletes a control plane, a definition and something harmless, and replaces a namespace.
func removal(t *testing.T) *plans.Plan {
	t.Helper()
	p := &plans.Plan{Base: plans.Base{Dir: "shop", Clusters: map[string]string{"kubernetes": "u"}, Places: map[string]string{"kubernetes": "context prod, https://10.0.0.1"}}}
	add := func(a string, action plans.Action, before cty.Value) {
		parsed, err := addr.Parse(a)
		if err != nil {
			t.Fatal(err)
		}
		p.Changes = append(p.Changes, &plans.Change{Addr: parsed, Action: action, Before: before})
	}
	manifest := func(kind string) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"manifest": cty.ObjectVal(map[string]cty.Value{"kind": cty.StringVal(kind)})})
	}
	add("linkerd_control_plane.main", plans.Delete, cty.EmptyObjectVal)
	add("linkerd_extension.viz", plans.Update, cty.EmptyObjectVal)
	add("linkerd_trust_anchor.main", plans.Update, cty.EmptyObjectVal)
	add("kubernetes_manifest.kind", plans.Delete, manifest("CustomResourceDefinition"))
	add("kubernetes_manifest.settings", plans.Delete, manifest("ConfigMap"))
	add("kubernetes_namespace.shop", plans.Replace, cty.EmptyObjectVal)
	return p
}

func TestCriticalChangesNeedMoreThanYes(t *testing.T) {
	for _, tt := range []struct {
		name, input string
		auto        bool
		destructive int
		goOn        bool
		says        string
	}{
		{name: "yes is too little", input: "yes\n", says: "Only 'prod' will be accepted"},
		{name: "the name of the environment", input: "prod\n", goOn: true, says: "delete  linkerd_control_plane.main: without it meshed pods"},
		{name: "auto-approve alone", auto: true, says: "--approve-destructive=3 (now 0)"},
		{name: "fewer approved than there are", auto: true, destructive: 2, says: "--approve-destructive=3 (now 2)"},
		{name: "as many as there are", auto: true, destructive: 3, goOn: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &app{registry: builtin}
			var cmd *cobra.Command
			for _, c := range a.root().Commands() {
				if c.Name() == "apply" {
					cmd = c
				}
			}
			var said bytes.Buffer
			r := &runner{app: a, cmd: cmd, question: "Do you want to perform these actions?", apply: &applyFlags{autoApprove: tt.auto, destructive: tt.destructive}}
			c := &console{Terminal: &ui.Terminal{In: strings.NewReader(tt.input), Out: &said, Err: &said}}
			sig := catch(t.Context(), 0)
			defer sig.release()
			done, err := r.approve(c, sig, removal(t))
			if done == tt.goOn {
				t.Errorf("it ends here: %t", done)
			}
			if err != nil {
				said.WriteString(err.Error())
			}
			if !strings.Contains(said.String(), tt.says) || strings.Contains(said.String(), "trust_anchor") || strings.Contains(said.String(), "settings") {
				t.Errorf("it says:\n%s", &said)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	p := removal(t)
	if got := environment(p); got != "prod" {
		t.Errorf("%q", got)
	}
	p.Base.Places["kubernetes.west"] = "context west, https://10.0.0.2"
	if got := environment(p); got != "shop" {
		t.Errorf("two clusters: %q, want the directory", got)
	}
}

// What is critical is said by the types, and by the impact line of the plan as well.
func TestCriticalTypes(t *testing.T) {
	a := &app{registry: builtin}
	types := a.types()
	object := func(names ...string) cty.Value {
		v := map[string]cty.Value{}
		for _, n := range names {
			v[n] = cty.EmptyObjectVal
		}
		return cty.ObjectVal(map[string]cty.Value{"objects": cty.ObjectVal(v)})
	}
	for _, tt := range []struct {
		typ    string
		before cty.Value
		want   bool
	}{
		{"linkerd_trust_anchor", cty.NilVal, true},
		{"linkerd_identity_issuer", cty.NilVal, true},
		{"linkerd_crds", cty.NilVal, true},
		{"linkerd_control_plane", cty.NilVal, true},
		{"linkerd_extension", cty.NilVal, true},
		{"linkerd_cni", cty.NilVal, true},
		{"kubernetes_namespace", cty.NilVal, true},
		{"kubernetes_manifest", cty.NilVal, false},
		{"kubernetes_manifest", cty.UnknownVal(cty.DynamicPseudoType), false},
		{"kubernetes_chart", object("Deployment/shop/web", "CustomResourceDefinition//gadgets.example.com"), true},
		{"kubernetes_chart", object("Deployment/shop/web"), false},
		{"kubernetes_chart", cty.NullVal(cty.DynamicPseudoType), false},
		{"linkerd_server", cty.EmptyObjectVal, false},
		{"no_such_type", cty.EmptyObjectVal, false},
	} {
		why := types(addr.Resource{Mode: addr.Managed, Type: tt.typ, Name: "x"}).Takes(tt.before)
		if (why != "") != tt.want {
			t.Errorf("%s with %#v: %q", tt.typ, tt.before, why)
		}
	}
	var b bytes.Buffer
	if err := render.Text(&b, removal(t), render.TextOptions{Types: types, Width: 80}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"Impact: deletes linkerd_control_plane.main (without it meshed pods", "replaces kubernetes_namespace.shop (everything in the namespace goes with it)"} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan does not say %q:\n%s", want, &b)
		}
	}
}
