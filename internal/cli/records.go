package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/plans/render"
	"github.com/meshplan/meshplan/state"
)

// stored opens the state of a directory. It works without a valid configuration: looking at what is recorded must
// always be possible.
func (a *app) stored(dir, path string) (*backend.Backend, hcl.Diagnostics) {
	c, _ := config.Load(dir, config.Options{})
	return a.openStore(dir, path, "", &c.Settings)
}

// storedWith is stored with other keys than those that the configuration names.
func (a *app) storedWith(dir, path string, keys state.Keys) (*backend.Backend, hcl.Diagnostics) {
	c, _ := config.Load(dir, config.Options{})
	return backend.Open(&c.Settings, backend.Options{Dir: dir, Path: path, Kubeconfig: a.getenv("MESHPLAN_KUBECONFIG"), Keys: keys, Getenv: a.getenv, Now: a.now})
}

// recorded opens the state of a directory for reading and reads it.
func (a *app) recorded(ctx context.Context, dir, path string) (*backend.Backend, *state.Snapshot, hcl.Diagnostics) {
	store, ds := a.stored(dir, path)
	if ds.HasErrors() {
		return nil, nil, ds
	}
	snap, err := store.Snapshot(ctx)
	if err != nil {
		return nil, nil, engine.StateError(err)
	}
	return store, snap, nil
}

// objects decodes records for showing.
func objects(records []*state.Record) ([]render.Object, error) {
	var decoder sealed.Decoder
	var out []render.Object
	for _, r := range records {
		v, err := decoder.Decode(r.Value)
		if err != nil {
			return nil, fmt.Errorf("the record of %s cannot be read: %w", r.Addr, err)
		}
		o := render.Object{Addr: r.Addr, Provider: r.Provider, Value: v.Plain, Secret: paths(v), DependsOn: r.DependsOn, SchemaVersion: r.SchemaVersion,
			Remarks: []string{fmt.Sprintf("run %d", r.Run)}}
		if r.Status == state.Incomplete {
			o.Remarks = append(o.Remarks, "incomplete")
		}
		if r.Protected {
			o.Remarks = append(o.Remarks, "protected")
		}
		out = append(out, o)
	}
	return out, nil
}

func paths(v sealed.Value) (out []cty.Path) {
	for _, s := range v.Secrets {
		out = append(out, s.Path)
	}
	return out
}

// outputs decodes stored outputs for showing, by name.
func outputs(stored map[string]state.Output) ([]render.Output, error) {
	var decoder sealed.Decoder
	var out []render.Output
	for name, o := range stored {
		v, err := decoder.Decode(o.Value)
		if err != nil {
			return nil, fmt.Errorf("the output %q cannot be read: %w", name, err)
		}
		out = append(out, render.Output{Name: name, Value: v.Plain, Secret: paths(v), Sensitive: o.Sensitive || len(v.Secrets) > 0})
	}
	slices.SortFunc(out, func(a, b render.Output) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// matching returns the records of an instance, or of all instances of a resource.
func matching(snap *state.Snapshot, text string) ([]*state.Record, error) {
	a, err := addr.Parse(text)
	if err != nil {
		return nil, err
	}
	var out []*state.Record
	var known []string
	for _, r := range snap.Records {
		known = append(known, r.Addr.String())
		if r.Addr == a || a.Key == addr.NoKey && r.Addr.Resource == a.Resource {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the state records nothing at %s.%s", text, diag.Suggest(text, known))
	}
	return out, nil
}
