// Package providertest checks that a resource type keeps the contract of package providers.
//
// The central idea: the promises are the same for a map in memory and for a cluster, so one suite states them once
// and every provider runs it against its real system.
//
//	providertest.Run(t, providertest.Case{Type: typ, Create: config, Update: changed, Owner: owner})
package providertest

import (
	"context"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// Case is one resource type with configurations to try on it.
type Case struct {
	Type providers.ResourceType
	// Create and Update are decoded configurations of the same object, known and free of marks. Update must be
	// possible in place; leave it out for types that cannot be updated.
	Create, Update cty.Value
	Owner          providers.Owner
	// Remove deletes the object behind the provider's back; nil skips what needs it.
	Remove func(t *testing.T)
}

// Run takes the object through its life and checks the promises on the way. The object must not exist before and is gone
// afterwards.
func Run(t *testing.T, c Case) {
	r := &runner{T: t, Case: c, ctx: t.Context(), block: &c.Type.Schema().Block}
	t.Run("absent object", r.absent)
	value, private := r.create(t)
	t.Run("plan after apply is empty", func(t *testing.T) { r.unchanged(t, value, private) })
	t.Run("apply is idempotent", func(t *testing.T) {
		again := r.apply(t, value, c.Create, value, private, private)
		r.unchanged(t, again.Value, again.Private)
	})
	t.Run("unresolved creation is found", func(t *testing.T) {
		got := r.read(t, providers.ReadRequest{Owner: c.Owner, Value: value, Unresolved: true})
		if got.Value.IsNull() {
			t.Error("the object carries its owner's mark and was not found")
		}
	})
	t.Run("unresolved creation of somebody else is not taken", func(t *testing.T) {
		other := c.Owner
		other.Lineage += "-other"
		got := r.read(t, providers.ReadRequest{Owner: other, Value: value, Private: nil, Unresolved: true})
		if !got.Value.IsNull() {
			t.Error("an object of another owner was taken")
		}
	})
	if c.Update != cty.NilVal {
		t.Run("update", func(t *testing.T) { value, private = r.update(t, value, private) })
	}
	if c.Remove != nil {
		t.Run("disappeared object", func(t *testing.T) {
			c.Remove(t)
			if got := r.read(t, providers.ReadRequest{Owner: c.Owner, Value: value, Private: private}); !got.Value.IsNull() {
				t.Errorf("an object that is gone reads as %#v", got.Value)
			}
			value, private = r.create(t)
		})
	}
	t.Run("delete", func(t *testing.T) { r.delete(t, value, private) })
}

type runner struct {
	*testing.T
	Case
	ctx   context.Context
	block *schema.Block
}

// step is a providers.Step for tests: it checks what it is told.
type step struct{ t *testing.T }

func (s step) Progress(p providers.Progress) {
	if p.Message == "" {
		s.t.Error("progress without a message")
	}
}
func (s step) Release() {}
func (s step) Checkpoint(v cty.Value, _ []byte) error {
	if v == cty.NilVal || v.IsNull() {
		s.t.Error("checkpoint without a value")
	}
	return nil
}

func fatal(t *testing.T, what string, ds hcl.Diagnostics) {
	t.Helper()
	if ds.HasErrors() {
		t.Fatalf("%s: %v", what, ds)
	}
}

func (r *runner) read(t *testing.T, req providers.ReadRequest) providers.ReadResponse {
	t.Helper()
	got, ds := r.Type.Read(r.ctx, []providers.ReadRequest{req})
	fatal(t, "read", ds)
	if len(got) != 1 {
		t.Fatalf("one request gave %d responses", len(got))
	}
	fatal(t, "read", got[0].Diagnostics)
	if got[0].Value == cty.NilVal {
		t.Fatal("read returned no value, not even null")
	}
	return got[0]
}

func (r *runner) plan(t *testing.T, prior, config cty.Value, private []byte) providers.PlanResponse {
	t.Helper()
	resp, ds := r.Type.Plan(r.ctx, providers.PlanRequest{Owner: r.Owner, Prior: prior, Config: config, Proposed: r.block.Propose(prior, config), Private: private})
	fatal(t, "plan", ds)
	return resp
}

func (r *runner) apply(t *testing.T, prior, config, planned cty.Value, priorPrivate, plannedPrivate []byte) providers.ApplyResponse {
	t.Helper()
	resp, ds := r.Type.Apply(r.ctx, providers.ApplyRequest{Owner: r.Owner, Prior: prior, Config: config, Planned: planned,
		PriorPrivate: priorPrivate, PlannedPrivate: plannedPrivate, Step: step{t}})
	fatal(t, "apply", ds)
	return resp
}

func plain(v cty.Value) cty.Value { v, _ = v.UnmarkDeep(); return v }

// absent checks that an object which does not exist plans as a creation.
func (r *runner) absent(t *testing.T) {
	resp := r.plan(t, r.block.Null(), r.Create, nil)
	if resp.Planned.IsNull() {
		t.Error("a creation was planned as null")
	}
	if resp.Adopted != cty.NilVal && !resp.Adopted.IsNull() {
		t.Error("something was adopted that does not exist")
	}
}

// create plans and applies a creation and checks that the result keeps the plan.
func (r *runner) create(t *testing.T) (cty.Value, []byte) {
	t.Helper()
	resp := r.plan(t, r.block.Null(), r.Create, nil)
	done := r.apply(t, r.block.Null(), r.Create, plain(resp.Planned), nil, resp.Private)
	v := plain(done.Value)
	if v.IsNull() || !v.IsWhollyKnown() {
		t.Fatalf("after a creation the value is %#v", v)
	}
	r.keeps(t, plain(resp.Planned), v)
	return v, done.Private
}

// keeps checks that known values of a plan are the values after apply.
func (r *runner) keeps(t *testing.T, planned, got cty.Value) {
	t.Helper()
	for _, name := range r.block.Names() {
		p := planned.GetAttr(name)
		if p.IsWhollyKnown() && !p.RawEquals(got.GetAttr(name)) {
			t.Errorf("%s was planned as %#v and is %#v", name, p, got.GetAttr(name))
		}
	}
}

func (r *runner) unchanged(t *testing.T, v cty.Value, private []byte) {
	t.Helper()
	got := r.read(t, providers.ReadRequest{Owner: r.Owner, Value: plain(v), Private: private})
	if !plain(got.Value).RawEquals(plain(v)) {
		t.Errorf("read after apply:\n%#v, want\n%#v", plain(got.Value), plain(v))
	}
	resp := r.plan(t, plain(got.Value), r.Create, got.Private)
	if !plain(resp.Planned).RawEquals(plain(got.Value)) {
		t.Errorf("the plan after an apply is not empty:\n%#v, want\n%#v", plain(resp.Planned), plain(got.Value))
	}
}

func (r *runner) update(t *testing.T, v cty.Value, private []byte) (cty.Value, []byte) {
	t.Helper()
	resp := r.plan(t, v, r.Update, private)
	if len(resp.Replace) > 0 || len(r.block.ReplacePaths(v, plain(resp.Planned))) > 0 {
		t.Fatal("the update needs a new object")
	}
	if plain(resp.Planned).RawEquals(v) {
		t.Fatal("the update was planned as no change")
	}
	done := r.apply(t, v, r.Update, plain(resp.Planned), private, resp.Private)
	r.keeps(t, plain(resp.Planned), plain(done.Value))
	back := r.plan(t, plain(done.Value), r.Create, done.Private)
	restored := r.apply(t, plain(done.Value), r.Create, plain(back.Planned), done.Private, back.Private)
	r.unchanged(t, restored.Value, restored.Private)
	return plain(restored.Value), restored.Private
}

func (r *runner) delete(t *testing.T, v cty.Value, private []byte) {
	t.Helper()
	null := r.block.Null()
	for range 2 { // the second time the object is gone already
		resp, ds := r.Type.Plan(r.ctx, providers.PlanRequest{Owner: r.Owner, Prior: v, Config: null, Proposed: null, Private: private})
		fatal(t, "plan of a deletion", ds)
		done := r.apply(t, v, null, null, private, resp.Private)
		if done.Value != cty.NilVal && !done.Value.IsNull() {
			t.Errorf("after a deletion the value is %#v", done.Value)
		}
	}
	if got := r.read(t, providers.ReadRequest{Owner: r.Owner, Value: v, Private: private}); !got.Value.IsNull() {
		t.Errorf("a deleted object reads as %#v", got.Value)
	}
}
