package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
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

// nodeID names a block in the graph of the configuration.
type nodeID struct {
	kind nodeKind
	name string        // of a local or an output
	res  addr.Resource // of a resource or a data source
}

type nodeKind uint8

const (
	nodeLocal nodeKind = iota + 1
	nodeResource
	nodeOutput
)

func (n nodeID) String() string {
	switch n.kind {
	case nodeLocal:
		return "local." + n.name
	case nodeOutput:
		return "output." + n.name
	}
	return n.res.String()
}

func compareNodes(a, b nodeID) int {
	if a.kind != b.kind {
		return int(a.kind) - int(b.kind)
	}
	if a.kind == nodeResource {
		return addr.CompareResource(a.res, b.res)
	}
	return strings.Compare(a.name, b.name)
}

// checkReferences verifies that every reference names something and stands in a place where it has a meaning.
func (w *world) checkReferences() (ds hcl.Diagnostics) {
	for _, name := range slices.Sorted(maps.Keys(w.locals)) {
		for _, ref := range w.locals[name].refs {
			ds = w.checkReference(ds, ref, nil)
		}
	}
	for _, r := range w.sorted {
		for _, ref := range r.keyRefs {
			ds = w.checkReference(ds, ref, nil)
		}
		for _, ref := range r.refs {
			ds = w.checkReference(ds, ref, r)
		}
		for _, ref := range r.cfg.DependsOn {
			ds = w.checkReference(ds, ref, nil)
		}
	}
	for _, o := range w.module.SortedOutputs() {
		for _, ref := range w.outputs[o.Name].refs {
			ds = w.checkReference(ds, ref, nil)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.providers)) {
		for _, ref := range w.providers[key].refs {
			ds = w.checkReference(ds, ref, nil)
		}
	}
	return ds
}

func (w *world) checkReference(ds hcl.Diagnostics, ref lang.Reference, r *resource) hcl.Diagnostics {
	missing := func(what, name string, names []string) hcl.Diagnostics {
		rng := ref.Range
		return append(ds, diag.Error(CodeReference, "Reference to nothing", fmt.Sprintf("There is no %s %q in this configuration.%s", what, name, diag.Suggest(name, names)), &rng))
	}
	misplaced := func(detail string) hcl.Diagnostics {
		rng := ref.Range
		return append(ds, diag.Error(CodeReferencePlace, "Reference out of place", detail, &rng))
	}
	switch ref.Kind {
	case lang.RefVar:
		if w.module.Variables[ref.Name] == nil {
			return missing("variable", ref.Name, slices.Collect(maps.Keys(w.module.Variables)))
		}
	case lang.RefLocal:
		if w.locals[ref.Name] == nil {
			return missing("local value", ref.Name, slices.Collect(maps.Keys(w.locals)))
		}
	case lang.RefResource, lang.RefData:
		if w.resources[ref.Resource] == nil {
			what := "resource"
			if ref.Kind == lang.RefData {
				what = "data source"
			}
			var names []string
			for _, other := range w.sorted {
				if other.addr.Mode == ref.Resource.Mode {
					names = append(names, other.addr.String())
				}
			}
			return missing(what, ref.Resource.String(), names)
		}
	case lang.RefEach:
		if r == nil || r.cfg.ForEach == nil {
			return misplaced("each.key and each.value exist only inside a resource or data block that has for_each.")
		}
	case lang.RefCount:
		if r == nil || r.cfg.Count == nil {
			return misplaced("count.index exists only inside a resource or data block that has count.")
		}
	case lang.RefSelf:
		if r == nil || len(r.cfg.Lifecycle.Postconditions) == 0 {
			return misplaced("self exists only in the postconditions of a resource or data block.")
		}
	case lang.RefModule:
		return missing("module", ref.Name, nil)
	}
	return ds
}

// checkCycles finds blocks that depend on each other in a circle, and resolves what locals depend on.
func (w *world) checkCycles() hcl.Diagnostics {
	g := dag.New(compareNodes)
	add := func(n nodeID, refs []lang.Reference) {
		g.Add(n)
		for _, ref := range refs {
			switch ref.Kind {
			case lang.RefLocal:
				g.AddEdge(n, nodeID{kind: nodeLocal, name: ref.Name})
			case lang.RefResource, lang.RefData:
				g.AddEdge(n, nodeID{kind: nodeResource, res: ref.Resource})
			}
		}
	}
	for name, l := range w.locals {
		add(nodeID{kind: nodeLocal, name: name}, l.refs)
	}
	for _, r := range w.sorted {
		n := nodeID{kind: nodeResource, res: r.addr}
		add(n, r.keyRefs)
		add(n, r.refs)
		add(n, r.cfg.DependsOn)
	}
	for name, o := range w.outputs {
		add(nodeID{kind: nodeOutput, name: name}, o.refs)
	}
	order, err := g.Sort()
	var cycle *dag.CycleError[nodeID]
	if errors.As(err, &cycle) {
		return hcl.Diagnostics{w.cycle(cycle.Cycle)}
	}
	for _, n := range order {
		switch n.kind {
		case nodeLocal:
			l := w.locals[n.name]
			l.nodes = w.nodesOf(l.refs)
		case nodeResource:
			r := w.resources[n.res]
			r.usesNodes = len(w.nodesOf(r.refs)) > 0
		}
	}
	return nil
}

// nodesOf returns the references to resources and data sources among refs, those through locals included. The locals'
// own must have been resolved.
func (w *world) nodesOf(refs []lang.Reference) (out []lang.Reference) {
	for _, ref := range refs {
		switch ref.Kind {
		case lang.RefResource, lang.RefData:
			out = append(out, ref)
		case lang.RefLocal:
			for _, inner := range w.locals[ref.Name].nodes {
				if inner.KeyExpr != lang.KeyStatic { // each.key means something else where the local is used
					inner.KeyExpr = lang.KeyNone
				}
				out = append(out, inner)
			}
		}
	}
	return out
}

// cycle names all members of a cycle with their positions; the subject is the first.
func (w *world) cycle(members []nodeID) *hcl.Diagnostic {
	var b strings.Builder
	b.WriteString("These blocks depend on each other in a circle, so that none of them can come first:\n")
	for i, n := range members {
		next := members[(i+1)%len(members)]
		fmt.Fprintf(&b, "  %s (%s) refers to %s\n", n, position(w.nodeRange(n)), next)
	}
	b.WriteString("Remove one of these references, or move what both need into a block of its own.")
	rng := w.nodeRange(members[0])
	return diag.Error(CodeCycle, "Dependency cycle", b.String(), &rng)
}

func (w *world) nodeRange(n nodeID) hcl.Range {
	switch n.kind {
	case nodeLocal:
		return w.locals[n.name].cfg.Range
	case nodeOutput:
		return w.outputs[n.name].cfg.DeclRange
	}
	return w.resources[n.res].cfg.DeclRange
}

func position(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }
