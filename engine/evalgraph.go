package engine

import (
	"slices"
	"strings"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/internal/lang"
)

// evalNode is a node of the graph that a plan evaluates: a local, an instance, the whole of a resource, an output.
type evalNode struct {
	local, output string
	inst          addr.Instance
	whole         bool
}

func compareEval(a, b evalNode) int {
	switch {
	case a.local != b.local:
		return strings.Compare(a.local, b.local)
	case a.output != b.output:
		return strings.Compare(a.output, b.output)
	case a.inst != b.inst:
		return addr.Compare(a.inst, b.inst)
	case a.whole != b.whole:
		if a.whole {
			return 1
		}
		return -1
	}
	return 0
}

// evalGraph builds the graph of evaluation. With hints it also follows the order of applying where that does not go
// against a reference: a provider then learns of a namespace or a kind before it plans what needs it.
func (p *planner) evalGraph(hints bool) *dag.Graph[evalNode] {
	g := dag.New(compareEval)
	link := func(n evalNode, refs []addr.Instance) {
		for _, a := range refs {
			if r := p.resources[a.Resource]; r != nil && a.Key != addr.NoKey && r.byKey[a.Key] != nil {
				g.AddEdge(n, evalNode{inst: a})
			} else {
				g.AddEdge(n, evalNode{inst: a.Resource.Instance(addr.NoKey), whole: true})
			}
		}
	}
	for _, name := range sortedStrings(p.locals) {
		n := evalNode{local: name}
		g.Add(n)
		p.linkRefs(g, n, p.locals[name].refs)
	}
	for _, r := range p.sorted {
		whole := evalNode{inst: r.addr.Instance(addr.NoKey), whole: true}
		g.Add(whole)
		if !r.expanded {
			p.linkRefs(g, whole, r.keyRefs)
			p.linkRefs(g, whole, r.refs)
			p.linkRefs(g, whole, r.cfg.DependsOn)
			continue
		}
		for _, i := range r.instances {
			n := evalNode{inst: i.addr}
			g.Add(n)
			g.AddEdge(whole, n)
			link(n, i.eval)
			p.linkLocals(g, n, r)
			if hints {
				link(n, slices.DeleteFunc(slices.Clone(i.deps), func(a addr.Instance) bool {
					other := p.resources[a.Resource]
					return other == nil || other.inverted[r.addr] || a.Key == addr.NoKey && len(other.instances) > 1
				}))
			}
		}
	}
	for _, name := range sortedStrings(p.outputs) {
		n := evalNode{output: name}
		g.Add(n)
		p.linkRefs(g, n, p.outputs[name].refs)
	}
	return g
}

func (p *planner) linkRefs(g *dag.Graph[evalNode], n evalNode, refs []lang.Reference) {
	for _, ref := range refs {
		switch ref.Kind {
		case lang.RefLocal:
			g.AddEdge(n, evalNode{local: ref.Name})
		case lang.RefResource, lang.RefData:
			g.AddEdge(n, evalNode{inst: ref.Resource.Instance(addr.NoKey), whole: true})
		}
	}
}

func (p *planner) linkLocals(g *dag.Graph[evalNode], n evalNode, r *resource) {
	for _, ref := range r.refs {
		if ref.Kind == lang.RefLocal {
			g.AddEdge(n, evalNode{local: ref.Name})
		}
	}
}
