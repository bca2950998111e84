package gate_test

import (
	"testing"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
	"github.com/meshplan/meshplan/providers/linkerd/expansion"
	"github.com/meshplan/meshplan/providers/linkerd/gate"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
	"github.com/meshplan/meshplan/providers/linkerd/traffic"
)

// TestExamplesAndDocs is for all types of the mesh, because their examples refer to each other.
func TestExamplesAndDocs(t *testing.T) {
	all := map[string]*schema.Resource{}
	e, w := env.Env{}, policy.NewWorld()
	for name, rt := range mesh.Types(e, nil) {
		all[name] = rt.Schema()
	}
	for name, rt := range policy.Types(e, w) {
		all[name] = rt.Schema()
	}
	for name, rt := range traffic.Types(e, w) {
		all[name] = rt.Schema()
	}
	for name, rt := range expansion.Types(e, &w.World) {
		all[name] = rt.Schema()
	}
	for name, rt := range gate.Types(e) {
		all[name] = rt.Schema()
	}
	for name, s := range policy.DataSources(e) {
		all[name] = s.Schema()
	}
	for name, s := range gate.DataSources(e) {
		all[name] = s.Schema()
	}
	if len(all) != 23 {
		t.Errorf("%d types, want 23", len(all))
	}
	for name, s := range all {
		meshtest.CheckDocs(t, name, s)
		meshtest.CheckExample(t, name, all)
	}
}
