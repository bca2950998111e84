package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// checkCycles finds blocks that depend on each other in a circle, and resolves what values depend on.
func (w *world) checkCycles() hcl.Diagnostics {
	g := dag.New(compareNodes)
	add := func(n node, refs ...ref) {
		g.Add(n)
		for _, r := range refs {
			for _, t := range w.targets(r) {
				g.AddEdge(n, t)
			}
		}
	}
	depend := func(n node, refs []ref) {
		for _, r := range refs {
			for _, t := range w.dependTargets(r) {
				g.AddEdge(n, t)
			}
		}
	}
	for _, m := range w.modules {
		for _, n := range m.values() {
			if n.kind != nodeVariable || m.parent != nil {
				add(n.node(), n.refs...)
				depend(n.node(), n.depends)
			}
		}
		for _, name := range sortedStrings(m.calls) {
			c := m.calls[name]
			add(node{kind: nodeCall, mod: m.path, name: name}, c.refs...)
			w.linkCall(g, c)
		}
	}
	for _, r := range w.sorted {
		n := resourceNode(r.addr)
		add(n, r.repetition.refs...)
		add(n, r.refs...)
		depend(n, r.depends)
		if len(r.prov.refs) > 0 {
			g.AddEdge(n, node{kind: nodeProvider, name: r.prov.key})
		}
	}
	for _, c := range w.checks {
		add(c.node(), c.refs...)
	}
	for _, key := range sortedStrings(w.providers) {
		add(node{kind: nodeProvider, name: key}, w.providers[key].refs...)
	}
	order, err := g.Sort()
	var cycle *dag.CycleError[node]
	if errors.As(err, &cycle) {
		return hcl.Diagnostics{w.cycle(cycle.Cycle)}
	}
	for _, n := range order {
		switch n.kind {
		case nodeVariable, nodeLocal, nodeOutput:
			v := w.namedAt(n)
			v.nodes = unique(append(w.nodesOf(v.refs), w.dependNodes(v.depends)...))
		case nodeResource:
			r := w.resources[n.inst.Resource]
			r.usesNodes = len(w.nodesOf(r.refs)) > 0 || len(w.nodesOf(r.repetition.refs)) > 0
			w.referredFirst = append(w.referredFirst, r)
		}
	}
	return nil
}

// linkCall adds the nodes that stand for all instances of a call.
func (w *world) linkCall(g *dag.Graph[node], c *call) {
	for name := range c.cfg.Module.Outputs {
		n := node{kind: nodeCallValue, mod: c.in.path, name: c.cfg.Name + "." + name}
		g.Add(n)
		for _, m := range c.instances {
			g.AddEdge(n, m.outputs[name].node())
		}
	}
	all := node{kind: nodeCallAll, mod: c.in.path, name: c.cfg.Name}
	g.Add(all)
	for _, m := range c.instances {
		for _, r := range w.byModule[m.path] {
			if r.check == nil {
				g.AddEdge(all, resourceNode(r.addr))
			}
		}
		for name := range m.calls {
			g.AddEdge(all, node{kind: nodeCallAll, mod: m.path, name: name})
		}
	}
}

func (w *world) namedAt(n node) *named {
	m := w.moduleAt[n.mod]
	switch n.kind {
	case nodeVariable:
		return m.vars[n.name]
	case nodeLocal:
		return m.locals[n.name]
	}
	return m.outputs[n.name]
}

// nodesOf returns the references to resources and data sources among refs, those through values and modules included.
// The values' own must have been resolved.
func (w *world) nodesOf(refs []ref) (out []ref) {
	through := func(n *named) {
		for _, inner := range n.nodes {
			if inner.KeyExpr != lang.KeyStatic { // each.key means something else where the value is used
				inner.KeyExpr = lang.KeyNone
			}
			out = append(out, inner)
		}
	}
	for _, r := range refs {
		switch r.Kind {
		case lang.RefResource, lang.RefData:
			out = append(out, r)
		case lang.RefLocal, lang.RefVar:
			through(r.named())
		case lang.RefModule:
			c := r.in.calls[r.Name]
			instances := c.instances
			if m := c.one(r); m != nil {
				instances = []*module{m}
			}
			for _, m := range instances {
				for _, name := range c.outputsOf(r) {
					through(m.outputs[name])
				}
			}
		}
	}
	return out
}

// dependNodes returns the resources and data sources that references in depends_on mean: of a module, everything in it.
func (w *world) dependNodes(refs []ref) (out []ref) {
	for _, r := range refs {
		if r.Kind != lang.RefModule {
			out = append(out, w.nodesOf([]ref{r})...)
			continue
		}
		for _, res := range w.within(r.in.calls[r.Name]) {
			if res.check == nil {
				out = append(out, ref{lang.Reference{Kind: lang.RefResource, Resource: res.addr, Range: r.Range}, res.in})
			}
		}
	}
	return out
}

// dependencies returns everything that a resource depends on.
func (w *world) dependencies(r *resource) []ref {
	out := w.nodesOf(slices.Concat(r.refs, r.repetition.refs, r.prov.refs))
	return append(out, w.dependNodes(r.depends)...)
}

// unique drops references to what another one names already in the same way: values that build on each other would
// repeat them without bound.
func unique(refs []ref) []ref {
	type id struct {
		res addr.Resource
		key lang.KeyExpr
		at  addr.Key
	}
	seen := make(map[id]bool, len(refs))
	return slices.DeleteFunc(refs, func(r ref) bool {
		k := id{r.Resource, r.KeyExpr, r.Key}
		had := seen[k]
		seen[k] = true
		return had
	})
}

// cycle names all members of a cycle with their positions; the subject is the first.
func (w *world) cycle(members []node) *hcl.Diagnostic {
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

func (w *world) nodeRange(n node) hcl.Range {
	switch n.kind {
	case nodeVariable, nodeLocal, nodeOutput:
		return w.namedAt(n).rng
	case nodeProvider:
		return w.providers[n.name].cfg.DeclRange
	case nodeCheck:
		return w.checkAt[n].cfg.DeclRange
	case nodeCall, nodeCallValue, nodeCallAll:
		name, _, _ := strings.Cut(n.name, ".")
		return w.moduleAt[n.mod].calls[name].cfg.DeclRange
	}
	return w.resources[n.inst.Resource].cfg.DeclRange
}

func position(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }
