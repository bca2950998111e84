package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// CodeRecover: the records cannot be rebuilt from the marks on objects, or not without more being said.
const CodeRecover diag.Code = "state.recover"

// RecoverOptions say what to rebuild. The zero value takes the only lineage that there is.
type RecoverOptions struct {
	Inputs
	Lineage     string
	LockTimeout time.Duration
}

// Recovered says what was rebuilt.
type Recovered struct {
	Lineage string
	// Records were rebuilt, in order of address.
	Records []addr.Instance
	// Left are addresses whose objects were found and whose records were not rebuilt.
	Left []LeftBehind
	// Known are addresses that were recorded already.
	Known int
}

// LeftBehind is an address without a record whose mark some objects bear.
type LeftBehind struct {
	Addr addr.Instance
	// Objects are their IDs, sorted.
	Objects []string
	// Todo says what has to be done, in a sentence.
	Todo string
}

// Recover rebuilds records from the ownership marks on live objects, after the state was lost. It touches no object and no
// record that exists. The lineage is that of the state, if it has one; of the options; or the only one that is found.
func (e *Engine) Recover(ctx context.Context, c *config.Config, o RecoverOptions) (*Recovered, hcl.Diagnostics) {
	session, err := e.store.Lock(ctx, e.options.Holder, o.LockTimeout)
	if err != nil {
		return nil, stateError(err)
	}
	defer session.Unlock()
	snap, err := session.Snapshot(ctx)
	if err != nil {
		return nil, stateError(err)
	}
	w, ds := e.world(c, o.Inputs, snap, worldOptions{})
	if ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	for _, name := range e.registry.Names() { // marks are found without any block, too
		if _, more := w.provider(w.root, name, nil); more.HasErrors() {
			return nil, more
		}
	}
	if ds = append(ds, w.prepare(ctx)...); ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	found, more := w.marked(ctx)
	if ds = append(ds, more...); ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	if d := w.chooseLineage(found, snap.Lineage, o.Lineage); d != nil {
		return nil, append(ds, d)
	}
	out := &Recovered{Lineage: w.identity.Lineage}
	records, more := w.rebuild(ctx, found, out)
	if ds = append(ds, more...); ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	if err := session.Adopt(w.identity); err != nil {
		return nil, append(ds, stateError(err)...)
	}
	if len(records) > 0 {
		if err := session.Edit(records, nil); err != nil {
			return nil, append(ds, stateError(err)...)
		}
	}
	return out, diag.Sort(ds)
}

// marked asks every provider that can find marks.
func (w *world) marked(ctx context.Context) (found []providers.Marked, ds hcl.Diagnostics) {
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(w.providers)) {
		f, ok := w.providers[key].instance.(providers.Finder)
		if !ok {
			continue
		}
		list, more := f.Marked(ctx)
		ds = append(ds, more...)
		for _, m := range list {
			// Two configurations of a provider may lead to the same system.
			id := m.Lineage + "\x00" + m.Address.String() + "\x00" + strings.Join(m.IDs, "\x00")
			if !seen[id] {
				seen[id] = true
				found = append(found, m)
			}
		}
	}
	return found, ds
}

// chooseLineage decides whose objects are rebuilt.
func (w *world) chooseLineage(found []providers.Marked, recorded, wanted string) *hcl.Diagnostic {
	count := map[string]int{}
	for _, m := range found {
		count[m.Lineage]++
	}
	lineages := slices.Sorted(maps.Keys(count))
	switch {
	case recorded != "" && wanted != "" && recorded != wanted:
		return diag.Errorf(CodeRecover, "Lineage does not fit", "The state has the lineage %s, not %s. Name another state with --state, or leave --lineage out.", recorded, wanted)
	case recorded != "":
		return nil
	case wanted == "" && len(lineages) == 1:
		wanted = lineages[0]
	case wanted == "" && len(lineages) > 1:
		return diag.Errorf(CodeRecover, "Several states have left marks", "The objects belong to the lineages %s. Choose one with --lineage.", strings.Join(lineages, ", "))
	case len(lineages) == 0:
		return diag.Errorf(CodeRecover, "Nothing to recover", "No object bears the mark of a state. Check --kubeconfig and --context.")
	}
	if count[wanted] == 0 {
		return diag.Errorf(CodeRecover, "Nothing to recover", "No object bears the mark of the lineage %s.%s", wanted, diag.Suggest(wanted, lineages))
	}
	w.identity.Lineage = wanted // with a new key: the former fingerprints are lost with the state
	return nil
}

// rebuild makes records of the objects that bear the marks of the chosen lineage.
func (w *world) rebuild(ctx context.Context, found []providers.Marked, out *Recovered) (records []*state.Record, ds hcl.Diagnostics) {
	recorded := map[addr.Instance]bool{}
	for _, r := range w.snapshot.Records {
		recorded[r.Addr] = true
	}
	objects := map[addr.Instance][]providers.Marked{}
	for _, m := range found {
		if m.Lineage == w.identity.Lineage {
			objects[m.Address] = append(objects[m.Address], m)
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(objects), addr.Compare) {
		if recorded[a] {
			out.Known++
			continue
		}
		var rec *state.Record
		if len(objects[a]) == 1 {
			var more hcl.Diagnostics
			rec, more = w.rebuildOne(ctx, objects[a][0])
			ds = append(ds, more...)
		}
		if rec == nil {
			out.Left = append(out.Left, w.leftBehind(a, objects[a]))
			continue
		}
		records, out.Records = append(records, rec), append(out.Records, a)
	}
	return records, ds
}

// leftBehind says what is to be done about objects whose record is not rebuilt. What the configuration still has is taken
// over by the next apply, because the state has the lineage of the marks again.
func (w *world) leftBehind(a addr.Instance, objects []providers.Marked) LeftBehind {
	out := LeftBehind{Addr: a}
	for _, m := range objects {
		out.Objects = append(out.Objects, m.IDs[0])
	}
	p, _ := w.providerOf(a)
	importable := false
	if p != nil {
		_, importable = p.types()[a.Type].(providers.Importer)
	}
	switch {
	case p == nil || p.types()[a.Type] == nil:
		out.Todo = "This program has no such type: use the one that made the objects, or delete them by hand."
	case p.pending:
		out.Todo = "The configuration of its provider depends on resources: apply these first, then recover again."
	case w.configured(a) == nil:
		out.Todo = "There is no block for it any more: write one and apply, which takes the objects over, or delete them by hand."
	case importable && len(objects) > 1:
		out.Todo = "It should be one object: delete those that are too many, or take their label and annotation of meshplan away, and recover again."
	default:
		out.Todo = "The next apply takes it over and changes only what differs."
	}
	return out
}

// rebuildOne reads an object by its type's import. It returns nil when the type has none, or does not know the object.
func (w *world) rebuildOne(ctx context.Context, m providers.Marked) (*state.Record, hcl.Diagnostics) {
	p, deps := w.providerOf(m.Address)
	if p == nil || p.pending {
		return nil, nil
	}
	t := p.types()[m.Address.Type]
	importer, ok := t.(providers.Importer)
	if !ok {
		return nil, nil
	}
	owner := providers.Owner{Lineage: w.identity.Lineage, Address: m.Address, Key: w.identity.Key}
	for _, id := range m.IDs {
		got, ds := importer.Import(ctx, owner, id)
		if ds.HasErrors() || plainOf(got.Value).IsNull() {
			continue
		}
		b, err := w.encoder.Encode(sealed.Seal(t.Schema().Block.MarkSensitive(got.Value), w.identity.Key))
		if err != nil {
			return nil, diag.FromError(CodeState, "Value cannot be recorded", err, nil)
		}
		return &state.Record{Addr: m.Address, Provider: p.key, SchemaVersion: t.Schema().Version, Value: b, Private: got.Private, DependsOn: deps, Status: state.Ready}, nil
	}
	return nil, nil
}

// providerOf returns the provider of an address and what it depends on: as the configuration says, or the default
// configuration of the provider that has such a type.
func (w *world) providerOf(a addr.Instance) (*provider, []addr.Instance) {
	if r := w.resources[a.Resource]; r != nil {
		if i := r.byKey[a.Key]; i != nil {
			return r.prov, i.deps
		}
		return r.prov, nil
	}
	for _, name := range w.engine.registry.Names() {
		if p := w.providers[name]; p != nil && p.types()[a.Type] != nil {
			return p, nil
		}
	}
	return nil, nil
}
