package render_test

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// TestDefaultsAreHidden: what is created shows what somebody has chosen; --full shows the rest.
func TestDefaultsAreHidden(t *testing.T) {
	declared := &schema.Resource{Block: schema.Block{
		Attributes: map[string]*schema.Attribute{
			"name":    {Type: cty.String, Required: true},
			"mode":    {Type: cty.String, Optional: true, Default: cty.StringVal("error")},
			"chosen":  {Type: cty.String, Optional: true, Default: cty.StringVal("no")},
			"timeout": {Type: cty.Number, Optional: true, Default: cty.NumberIntVal(5)},
		},
		Blocks: map[string]*schema.NestedBlock{"wait": {Nesting: schema.Single, Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"rollout": {Type: cty.Bool, Optional: true, Default: cty.True}, "field": {Type: cty.String, Optional: true},
		}}}},
	}}
	value := obj("name", "web", "mode", "error", "chosen", "yes", "timeout", 5, "wait", obj("rollout", cty.True, "field", "status.ok"))
	p := &plans.Plan{Mode: plans.Normal, Changes: []*plans.Change{
		{Addr: instance(t, "kubernetes_manifest.web"), Action: plans.Create, Before: cty.NullVal(cty.DynamicPseudoType), After: value},
	}}
	types := func(r addr.Resource) *schema.Resource {
		if r.Type != "kubernetes_manifest" {
			t.Errorf("asked for %s", r)
		}
		return declared
	}
	for _, tt := range []struct {
		name         string
		o            render.TextOptions
		want, absent []string
	}{
		{"hidden", render.TextOptions{Types: types}, []string{`name   = "web"`, `chosen = "yes"`, "# (2 defaults hidden)", "# (1 default hidden)", `field = "status.ok"`}, []string{"mode", "timeout", "rollout"}},
		{"full", render.TextOptions{Types: types, Full: true}, []string{`mode    = "error"`, "timeout = 5", "rollout = true"}, []string{"hidden"}},
		{"unknown types", render.TextOptions{}, []string{`mode    = "error"`}, []string{"hidden"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := render.Text(&b, p, tt.o); err != nil {
				t.Fatal(err)
			}
			for _, s := range tt.want {
				if !strings.Contains(b.String(), s) {
					t.Errorf("lacks %q:\n%s", s, b.String())
				}
			}
			for _, s := range tt.absent {
				if strings.Contains(b.String(), s) {
					t.Errorf("has %q:\n%s", s, b.String())
				}
			}
		})
	}
	p.Changes[0].Action, p.Changes[0].Before = plans.Update, obj("name", "web", "mode", "adopt", "chosen", "yes", "timeout", 5, "wait", obj("rollout", cty.True, "field", "status.ok"))
	var b strings.Builder
	if err := render.Text(&b, p, render.TextOptions{Types: types}); err != nil || !strings.Contains(b.String(), `mode = "adopt" -> "error"`) {
		t.Errorf("a change to the default is a change:\n%s", b.String())
	}
}
