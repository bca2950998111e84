package cli

import (
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/state"
)

// TestNextAfterOutdated: a plan whose object has moved would be refused again, so another plan is offered.
func TestNextAfterOutdated(t *testing.T) {
	moved := hcl.Diagnostics{diag.Errorf(kube.CodeMoved, "Approved change no longer fits", "x")}
	other := hcl.Diagnostics{diag.Errorf(kube.CodeNotReady, "Object not ready in time", "x")}
	for _, tt := range []struct {
		name, file string
		ds         hcl.Diagnostics
		want       string
	}{
		{"saved plan, moved object", "a.plan", moved, "meshplan plan --out a.plan"},
		{"saved plan, another failure", "a.plan", other, "meshplan apply a.plan"},
		{"moved object", "", moved, "meshplan apply"},
		{"another failure", "", other, "meshplan apply"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &runner{file: tt.file}
			w := &workspace{app: &app{}, in: &inputFlags{}, dir: "."}
			next := r.next(w, &engine.Result{Run: 3, Outcome: state.Failed}, tt.ds)
			if next[0].Command != tt.want || next[1].Command != "meshplan rollback" {
				t.Errorf("next = %+v, want %q first", next, tt.want)
			}
		})
	}
}
