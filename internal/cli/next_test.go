package cli

import (
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/state"
)

// TestNextAfterOutdated: a plan whose object has moved would be refused again, so another plan is offered.
func TestNextAfterOutdated(t *testing.T) {
	moved := hcl.Diagnostics{diag.Errorf(kube.CodeMoved, "Approved change no longer fits", "x")}
	other := hcl.Diagnostics{diag.Errorf(kube.CodeNotReady, "Object not ready in time", "x")}
	for _, tt := range []struct {
		name, file string
		mode       plans.Mode
		ds         hcl.Diagnostics
		want       string
	}{
		{"saved plan, moved object", "a.plan", plans.Normal, moved, "meshplan plan --out a.plan"},
		{"saved plan, another failure", "a.plan", plans.Normal, other, "meshplan apply a.plan"},
		{"moved object", "", plans.Normal, moved, "meshplan apply"},
		{"another failure", "", plans.Normal, other, "meshplan apply"},
		{"rollback", "", plans.Rollback, other, "meshplan rollback --to 2"},
		{"saved rollback, moved object", "a.plan", plans.Rollback, moved, "meshplan rollback --to 2"},
		{"saved rollback, another failure", "a.plan", plans.Rollback, other, "meshplan apply a.plan"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &runner{file: tt.file}
			w := &workspace{app: &app{}, in: &inputFlags{}, dir: "."}
			next := r.next(w, &plans.Plan{Mode: tt.mode, Reverts: &plans.Reverts{To: 2}}, &engine.Result{Run: 3, Outcome: state.Failed}, tt.ds)
			if next[0].Command != tt.want || next[1].Command != "meshplan rollback" {
				t.Errorf("next = %+v, want %q first", next, tt.want)
			}
		})
	}
}
