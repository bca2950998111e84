package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// CodeImport: an import block cannot be followed.
const CodeImport diag.Code = "plan.import"

// CodeImportOffline: an import is planned without a look at the system (a warning).
const CodeImportOffline diag.Code = "plan.import-offline"

// wish is one object that an import block wants to be an instance.
type wish struct {
	block *config.Import
	to    addr.Instance
	id    string
}

// importObjects finds the objects of import blocks and lets the plan start from them as if they were recorded. What is
// recorded already is left alone, so a block may stay after it has done its work. It costs one call for each object
// that is not recorded yet. An object of a provider whose configuration depends on resources gets a record without a value,
// which importLate fills in when the provider is configured.
func (p *planner) importObjects(ctx context.Context) (ds hcl.Diagnostics) {
	if p.o.Mode != plans.Normal {
		return nil
	}
	seen := map[addr.Instance]string{} // ids
	for _, block := range p.config.Root.Imports {
		wishes, more := p.wishes(block)
		ds = append(ds, more...)
		for _, w := range wishes {
			if id, twice := seen[w.to]; twice {
				if id != w.id { // the command may say what a block says
					ds = append(ds, w.refuse("Imported twice", "The object %q is imported as %s already, and an instance is one object.", id, w.to))
				}
				continue
			}
			seen[w.to] = w.id
			prov, typ, more := p.importType(w)
			switch ds = append(ds, more...); {
			case typ == nil:
			case !prov.dynamic:
				ds = append(ds, p.importObject(ctx, w, prov, typ)...)
			default:
				if prov.wishes = append(prov.wishes, w); p.records[w.to] == nil {
					p.records[w.to] = p.imported(w, prov)
				}
			}
		}
	}
	return ds
}

// importLate finds the objects that had to wait for their provider.
func (p *planner) importLate(ctx context.Context, prov *provider) (ds hcl.Diagnostics) {
	for _, w := range prov.wishes {
		if p.wanted != nil && !p.wanted[w.to] {
			continue
		}
		ds = append(ds, p.importObject(ctx, w, prov, prov.types()[w.to.Type])...)
	}
	return ds
}

// imported returns the record that an object begins with.
func (p *planner) imported(w wish, prov *provider) *record {
	return &record{Record: &state.Record{Addr: w.to, Provider: prov.key, Status: state.Ready}, provider: prov, live: cty.NilVal, imported: w.id}
}

// awaited says that a record stands for an object that is not found yet.
func (r *record) awaited() bool { return r.imported != "" && r.live == cty.NilVal }

// dropAwaited forgets the imports that this plan leaves out.
func (p *planner) dropAwaited() {
	for a, rec := range p.records {
		if rec.awaited() {
			delete(p.records, a)
		}
	}
}

// unseenImports warns that a plan without a look at the system cannot know what imports find.
func (p *planner) unseenImports() (ds hcl.Diagnostics) {
	if p.o.Mode != plans.Normal {
		return nil
	}
	for _, block := range p.config.Root.Imports {
		wishes, more := p.wishes(block)
		ds = append(ds, more...)
		for _, w := range wishes {
			if p.records[w.to] == nil {
				ds = append(ds, diag.Warning(CodeImportOffline, "Import is not looked up", fmt.Sprintf("The object that becomes %s is not read offline, so the plan shows a creation.", w.to), &block.DeclRange))
			}
		}
	}
	return ds
}

func (w *wish) refuse(summary, format string, args ...any) *hcl.Diagnostic {
	return diag.Error(CodeImport, summary, fmt.Sprintf(format, args...), &w.block.DeclRange)
}

// checkImports verifies the references of import blocks.
func (w *world) checkImports() (ds hcl.Diagnostics) {
	for _, b := range w.config.Root.Imports {
		rep := w.importRepetition(b, &ds)
		ds = w.checkAll(ds, rep.refs, site{})
		ds = w.checkAll(ds, w.importRefs(b, &ds), site{rep: rep})
		if w.resources[b.Target.Instance().Resource] == nil {
			_, more := w.provider(w.root, w.importProvider(b), &b.DeclRange) // made now, so that it is configured with the others
			ds = append(ds, more...)
		}
	}
	return ds
}

// importRefs are the references of id, and those of the keys in to.
func (w *world) importRefs(b *config.Import, ds *hcl.Diagnostics) []ref {
	keys := slices.DeleteFunc(w.root.references(ds, b.To), func(r ref) bool {
		return r.Kind != lang.RefEach && r.Kind != lang.RefLocal && r.Kind != lang.RefVar
	})
	return append(keys, w.root.references(ds, b.ID)...)
}

// importProvider is the provider of an import without a resource block.
func (w *world) importProvider(b *config.Import) string {
	if b.Provider != "" {
		return b.Provider
	}
	name, _ := w.engine.registry.ForType(b.Target.Type)
	return name
}

func (w *world) importRepetition(b *config.Import, ds *hcl.Diagnostics) *repetition {
	return &repetition{what: "import block", in: w.root, forEach: b.ForEach, refs: w.root.references(ds, b.ForEach)}
}

// wishes evaluates an import block. Everything in it must be known before anything is planned.
func (p *planner) wishes(b *config.Import) (out []wish, ds hcl.Diagnostics) {
	one := wish{block: b}
	rep := p.importRepetition(b, &ds)
	refs := p.importRefs(b, &ds)
	each := map[string]cty.Value{"": cty.NilVal}
	if b.ForEach != nil {
		values, done, more := p.forEach(rep, static)
		if ds = append(ds, more...); ds.HasErrors() {
			return nil, ds
		}
		if !done {
			return nil, append(ds, one.refuse("Import is not known yet", "The for_each of this import depends on something that is only known after apply."))
		}
		each = values
	}
	for _, key := range sortedStrings(each) {
		scope := p.contextFor(p.root, refs, static)
		if b.ForEach != nil {
			scope.Variables["each"] = cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(key), "value": each[key]})
		}
		w, more := p.wish(b, scope)
		if ds = append(ds, more...); !more.HasErrors() {
			out = append(out, w)
		}
	}
	return out, ds
}

func (p *planner) wish(b *config.Import, scope *hcl.EvalContext) (wish, hcl.Diagnostics) {
	w := wish{block: b}
	target, ds := b.Address(scope)
	if ds.HasErrors() {
		return w, ds
	}
	w.to = target.Instance()
	v, more := b.ID.Value(scope)
	if ds = append(ds, more...); ds.HasErrors() {
		return w, ds
	}
	v, _ = v.Unmark()
	id, err := convert.Convert(v, cty.String)
	switch {
	case !v.IsKnown():
		d := w.refuse("Import is not known yet", "The id of %s depends on something that is only known after apply. Use a value that the configuration itself holds.", w.to)
		d.Subject = b.ID.Range().Ptr()
		return w, append(ds, d)
	case err != nil || id.IsNull() || id.AsString() == "":
		d := w.refuse("Invalid import id", "The id of %s must be a text that is not empty.", w.to)
		d.Subject = b.ID.Range().Ptr()
		return w, append(ds, d)
	}
	w.id = id.AsString()
	return w, ds
}

// importObject finds one object.
func (p *planner) importObject(ctx context.Context, w wish, prov *provider, typ providers.ResourceType) (ds hcl.Diagnostics) {
	importer, ok := typ.(providers.Importer)
	if !ok {
		return append(ds, w.refuse("Cannot be imported", "%s", strings.TrimSpace(fmt.Sprintf("Objects of type %s cannot be imported. %s", w.to.Type, typ.Schema().NoImport))))
	}
	rec := p.records[w.to]
	if rec != nil && !rec.awaited() && !plainOf(rec.live).IsNull() {
		if n, ok := importer.(providers.Namer); ok && !n.Names(w.id, rec.sealed.Plain) {
			return append(ds, w.refuse("Import to a taken address", "%s is recorded already, and it is another object than %q. Import to another address, or remove the block.", w.to, w.id))
		}
		return ds
	}
	i := p.configured(w.to)
	if i == nil && !p.o.Generate {
		return append(ds, w.refuse("Import without a resource", "There is no block for %s. Write one, or let \"meshplan plan --generate-config-out=FILE\" write it.", w.to))
	}
	got, more := importer.Import(ctx, p.owner(w.to), w.id)
	for _, d := range append(more, got.Diagnostics...) {
		c := *d
		if c.Subject == nil {
			c.Subject = &w.block.DeclRange
		}
		ds = append(ds, diag.For(&c, w.to.String()))
	}
	if ds.HasErrors() {
		return ds
	}
	if got.Value == cty.NilVal || plainOf(got.Value).IsNull() {
		return append(ds, w.refuse("Nothing to import", "There is no object %q to import as %s.", w.id, w.to))
	}
	block := &typ.Schema().Block
	v := block.MarkSensitive(got.Value)
	if i == nil {
		text := config.Generate(w.to.Resource, block, v)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.plan.Generated = append(p.plan.Generated, plans.Generated{Addr: w.to, Text: text})
		return ds
	}
	now := p.imported(w, prov)
	now.sealed, now.live, now.private = sealed.Seal(v, p.identity.Key), v, got.Private
	if rec == nil {
		p.records[w.to] = now
		return ds
	}
	now.Revision = rec.Revision
	// In its place, and leaving alone what others look at meanwhile: the table, the provider, whether it was read.
	rec.Record, rec.sealed, rec.live, rec.private, rec.imported = now.Record, now.sealed, now.live, now.private, now.imported
	rec.unresolved, rec.unnamed, rec.relinked, rec.from, rec.marked = false, false, false, addr.Instance{}, addr.Instance{}
	return ds
}

// importType finds what manages the type of an import: the provider of the resource block, that which the import block
// names, or the default one.
func (p *planner) importType(w wish) (*provider, providers.ResourceType, hcl.Diagnostics) {
	if r := p.resources[w.to.Resource]; r != nil {
		return r.prov, r.typ, nil
	}
	prov, ds := p.provider(p.root, p.importProvider(w.block), &w.block.DeclRange)
	if prov == nil {
		return nil, nil, ds
	}
	t := prov.types()[w.to.Type]
	if t == nil {
		return prov, nil, hcl.Diagnostics{w.refuse("Unknown resource type", "The provider %q has no resource type %q.", prov.name, w.to.Type)}
	}
	return prov, t, nil
}
