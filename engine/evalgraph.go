package engine

import (
	"slices"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/dag"
)

// evalGraph builds the graph of evaluation. With hints it also follows the order of applying where that does not go
// against a reference: a provider then learns of a namespace or a kind before it plans what needs it.
func (p *planner) evalGraph(hints bool) *dag.Graph[node] {
	g := dag.New(compareNodes)
	link := func(n node, refs []addr.Instance) {
		for _, a := range refs {
			if r := p.resources[a.Resource]; r != nil && a.Key != addr.NoKey && r.byKey[a.Key] != nil {
				g.AddEdge(n, node{kind: nodeInstance, inst: a})
			} else {
				g.AddEdge(n, resourceNode(a.Resource))
			}
		}
	}
	for _, m := range p.modules {
		for _, v := range m.values() {
			if v.kind == nodeVariable && m.parent == nil {
				continue
			}
			g.Add(v.node())
			p.linkRefs(g, v.node(), v.refs)
			p.linkDepends(g, v.node(), v.depends)
		}
		for _, name := range sortedStrings(m.calls) {
			p.linkCall(g, m.calls[name])
		}
	}
	for _, key := range sortedStrings(p.providers) {
		if prov := p.providers[key]; prov.dynamic {
			n := node{kind: nodeProvider, name: key}
			g.Add(n)
			p.linkRefs(g, n, prov.refs)
		}
	}
	for _, r := range p.sorted {
		if r.check != nil {
			continue // read by its check
		}
		whole := resourceNode(r.addr)
		g.Add(whole)
		if !r.expanded {
			p.linkRefs(g, whole, r.repetition.refs)
			p.linkRefs(g, whole, r.refs)
			p.linkDepends(g, whole, r.depends)
			if r.prov.dynamic {
				g.AddEdge(whole, node{kind: nodeProvider, name: r.prov.key})
			}
			continue
		}
		for _, i := range r.instances {
			n := node{kind: nodeInstance, inst: i.addr}
			g.Add(n)
			g.AddEdge(whole, n)
			link(n, i.eval)
			p.linkValues(g, n, r.refs)
			p.linkValues(g, n, r.repetition.refs) // each.value
			if r.prov.dynamic {
				g.AddEdge(n, node{kind: nodeProvider, name: r.prov.key})
			}
			if hints {
				link(n, slices.DeleteFunc(slices.Clone(i.deps), func(a addr.Instance) bool {
					other := p.resources[a.Resource]
					return other == nil || other.inverted[r.addr] || a.Key == addr.NoKey && len(other.instances) > 1
				}))
			}
		}
	}
	for _, c := range p.checks {
		g.Add(c.node())
		p.linkRefs(g, c.node(), c.refs)
	}
	return g
}

func (p *planner) linkRefs(g *dag.Graph[node], n node, refs []ref) {
	for _, r := range refs {
		for _, t := range p.targets(r) {
			if t.kind != nodeCall { // expanded already
				g.AddEdge(n, t)
			}
		}
	}
}

func (p *planner) linkDepends(g *dag.Graph[node], n node, refs []ref) {
	for _, r := range refs {
		for _, t := range p.dependTargets(r) {
			if t.kind != nodeCall {
				g.AddEdge(n, t)
			}
		}
	}
}

// linkValues links an instance to the values that it uses: the resources among its references are linked by instance.
func (p *planner) linkValues(g *dag.Graph[node], n node, refs []ref) {
	for _, r := range refs {
		for _, t := range p.targets(r) {
			if t.kind != nodeCall && t.kind != nodeResource {
				g.AddEdge(n, t)
			}
		}
	}
}
