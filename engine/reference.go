package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
)

// The codes of diagnostics about references.
const (
	// CodeReference: a reference names nothing.
	CodeReference diag.Code = "config.no-such-reference"
	// CodeReferencePlace: a reference stands where it has no meaning, such as each.key without for_each.
	CodeReferencePlace diag.Code = "config.misplaced-reference"
	// CodeCycle: blocks depend on each other in a circle.
	CodeCycle diag.Code = "config.cycle"
)

// checkReferences verifies that every reference names something and stands in a place where it has a meaning.
func (w *world) checkReferences() (ds hcl.Diagnostics) {
	for _, m := range w.modules {
		for _, n := range m.values() {
			s := site{}
			if n.kind == nodeVariable && m.call != nil {
				s.rep = &m.call.repetition
			}
			ds = w.checkAll(ds, n.refs, s)
			ds = w.checkAll(ds, n.depends, site{})
		}
		for _, name := range sortedStrings(m.calls) {
			ds = w.checkAll(ds, m.calls[name].refs, site{})
		}
		if m.call != nil {
			ds = w.checkAll(ds, m.parent.place(m.call.cfg.DependsOn), site{})
		}
	}
	for _, r := range w.sorted {
		ds = w.checkAll(ds, r.repetition.refs, site{})
		ds = w.checkAll(ds, r.refs, site{rep: &r.repetition, self: len(r.cfg.Lifecycle.Postconditions) > 0, check: r.check})
		ds = w.checkAll(ds, r.depends, site{})
	}
	for _, c := range w.checks {
		ds = w.checkAll(ds, c.refs, site{check: c})
	}
	for _, key := range slices.Sorted(maps.Keys(w.providers)) {
		ds = w.checkAll(ds, w.providers[key].refs, site{})
	}
	return append(ds, w.checkImports()...)
}

// site says what may be referred to at a place beside what the module declares.
type site struct {
	rep   *repetition // each and count
	self  bool
	check *check // its own data source
}

func (w *world) checkAll(ds hcl.Diagnostics, refs []ref, at site) hcl.Diagnostics {
	for _, r := range refs {
		ds = w.checkReference(ds, r, at)
	}
	return ds
}

func (w *world) checkReference(ds hcl.Diagnostics, r ref, at site) hcl.Diagnostics {
	missing := func(what, name string, names []string) hcl.Diagnostics {
		where := "in this configuration"
		if r.in.parent != nil {
			where = "in the module " + r.in.cfg.Dir
		}
		rng := r.Range
		return append(ds, diag.Error(CodeReference, "Reference to nothing", fmt.Sprintf("There is no %s %q %s.%s", what, name, where, diag.Suggest(name, names)), &rng))
	}
	misplaced := func(detail string) hcl.Diagnostics {
		rng := r.Range
		return append(ds, diag.Error(CodeReferencePlace, "Reference out of place", detail, &rng))
	}
	switch r.Kind {
	case lang.RefVar:
		if r.in.vars[r.Name] == nil {
			return missing("variable", r.Name, slices.Collect(maps.Keys(r.in.vars)))
		}
	case lang.RefLocal:
		if r.in.locals[r.Name] == nil {
			return missing("local value", r.Name, slices.Collect(maps.Keys(r.in.locals)))
		}
	case lang.RefResource, lang.RefData:
		return w.checkResourceReference(ds, r, at, missing)
	case lang.RefMeshplan:
		if r.Name != "version" {
			return missing("fact about the run", "meshplan."+r.Name, []string{"meshplan.version"})
		}
	case lang.RefEach:
		if at.rep == nil || at.rep.forEach == nil {
			return misplaced("each.key and each.value exist only inside a resource, data or module block that has for_each.")
		}
	case lang.RefCount:
		if at.rep == nil || at.rep.count == nil {
			return misplaced("count.index exists only inside a resource, data or module block that has count.")
		}
	case lang.RefSelf:
		if !at.self {
			return misplaced("self exists only in the postconditions of a resource or data block.")
		}
	case lang.RefModule:
		c := r.in.calls[r.Name]
		if c == nil {
			return missing("module", r.Name, slices.Collect(maps.Keys(r.in.calls)))
		}
		return c.checkOutput(ds, r)
	}
	return ds
}

// checkResourceReference finds the resource in the module that holds the expression. The data source of a check exists
// for that check alone.
func (w *world) checkResourceReference(ds hcl.Diagnostics, r ref, at site, missing func(what, name string, names []string) hcl.Diagnostics) hcl.Diagnostics {
	to := w.resources[r.Resource]
	if to != nil && (to.check == nil || to.check == at.check) {
		return to.checkKey(ds, r)
	}
	what := "resource"
	if r.Kind == lang.RefData {
		what = "data source"
	}
	relative := func(a addr.Resource) string {
		a.Module = ""
		return a.String()
	}
	var names []string
	for _, other := range w.byModule[r.in.path] {
		if other.addr.Mode == r.Resource.Mode && other.check == nil {
			names = append(names, relative(other.addr))
		}
	}
	return missing(what, relative(r.Resource), names)
}

// checkKey verifies that an attribute is asked of an instance, not of all of them together.
func (r *resource) checkKey(ds hcl.Diagnostics, to ref) hcl.Diagnostics {
	if !r.keyed() || to.KeyExpr != lang.KeyNone || len(to.Remaining) == 0 {
		return ds
	}
	a, ok := to.Remaining[0].(hcl.TraverseAttr)
	if !ok {
		return ds
	}
	name := r.addr
	name.Module = ""
	key, all := "0", name.String()
	if r.forEach != nil {
		key, all = `"key"`, "values("+all+")"
	}
	text := fmt.Sprintf("name an instance, as in %s[%s].%s, or take them all, as in %s[*].%s.", name, key, a.Name, all, a.Name)
	rng := to.Range
	return append(ds, diag.Error(CodeReference, "Resource has several instances", fmt.Sprintf("%s has count or for_each, so it has no attributes of its own: %s", name, text), &rng))
}

// checkOutput verifies that a reference to a module names an output of it, and uses a key just when there are keys.
func (c *call) checkOutput(ds hcl.Diagnostics, r ref) hcl.Diagnostics {
	rng := r.Range
	if r.KeyExpr == lang.KeyNone && c.keyed() && len(r.Remaining) > 0 {
		if a, ok := r.Remaining[0].(hcl.TraverseAttr); ok {
			return append(ds, diag.Error(CodeReference, "Module has several instances", fmt.Sprintf("The module %q has count or for_each, so it has no output of its own: "+
				"name an instance, as in module.%s[%s].%s, or take them all, as in values(module.%s)[*].%s.", r.Name, r.Name, c.exampleKey(), a.Name, r.Name, a.Name), &rng))
		}
	}
	if len(r.Remaining) == 0 {
		return ds
	}
	a, ok := r.Remaining[0].(hcl.TraverseAttr)
	if !ok {
		return ds
	}
	if o := c.cfg.Module.Outputs[a.Name]; o != nil {
		if o.Deprecated != "" {
			ds = append(ds, diag.Warning(schema.CodeDeprecated, "Deprecated output", fmt.Sprintf("The output %q of module %q is deprecated: %s", a.Name, r.Name, diag.Scrub(o.Deprecated)), &rng))
		}
		return ds
	}
	return append(ds, diag.Error(CodeReference, "Reference to nothing", fmt.Sprintf("The module %q has no output %q. What a module does not declare as an output cannot be seen from outside.%s",
		r.Name, a.Name, diag.Suggest(a.Name, slices.Collect(maps.Keys(c.cfg.Module.Outputs)))), &rng))
}

func (c *call) exampleKey() string {
	if c.count != nil {
		return "0"
	}
	return `"key"`
}

// values returns the named values of a module: variables, locals, outputs, each by name.
func (m *module) values() (out []*named) {
	for _, set := range []map[string]*named{m.vars, m.locals, m.outputs} {
		for _, name := range sortedStrings(set) {
			out = append(out, set[name])
		}
	}
	return out
}
