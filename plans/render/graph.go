package render

import (
	"maps"
	"slices"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/plans"
)

// drawing is the order of a plan's steps, or the dependencies of a plan in which nothing happens, with the fewest
// edges that say the same.
type drawing struct {
	graph *dag.Graph[int]
	nodes map[int]vertex
}

// vertex is one box.
type vertex struct {
	// verb is what the step does, empty when nothing happens.
	verb   string
	label  string
	action plans.Action
	addr   addr.Resource // of what it is about; the zero value for a hub without one
	// hub stands for several others and does nothing itself.
	hub bool
}

// maxBypass is how many edges may replace a node that does nothing; beyond that the node itself is the smaller picture.
const maxBypass = 16

func draw(p *plans.Plan) *drawing {
	d := &drawing{graph: dag.New(func(a, b int) int { return a - b }), nodes: map[int]vertex{}}
	if len(p.Steps) > 0 {
		d.steps(p)
	} else {
		d.dependencies(p)
	}
	d.graph = d.graph.Reduce()
	return d
}

// steps draws what happens. Steps that only carry order are left out where that is possible.
func (d *drawing) steps(p *plans.Plan) {
	dependents := make([]int, len(p.Steps))
	for _, s := range p.Steps {
		for _, dep := range s.Deps {
			dependents[dep]++
		}
	}
	behind := map[int][]int{} // what stands for a step that is left out
	for n, s := range p.Steps {
		deps := map[int]bool{}
		for _, dep := range s.Deps {
			if through, out := behind[dep]; out {
				for _, t := range through {
					deps[t] = true
				}
				continue
			}
			deps[dep] = true
		}
		sorted := slices.Sorted(maps.Keys(deps))
		if s.Op == plans.OpPass && len(sorted)*dependents[n] <= maxBypass {
			behind[n] = sorted
			continue
		}
		v := vertex{hub: s.Op == plans.OpPass}
		if s.Change >= 0 {
			c := p.Changes[s.Change]
			v.label, v.action, v.addr = oneLine(c.Addr.String()), c.Action, c.Addr.Resource
		}
		if !v.hub {
			v.verb = s.Op.String()
		}
		d.nodes[n] = v
		d.graph.Add(n, sorted...)
	}
}

// dependencies draws a configuration. A dependency on all instances of a resource goes through one node, so that N
// instances that depend on M others cost N + M edges.
func (d *drawing) dependencies(p *plans.Plan) {
	index := make(map[addr.Instance]int, len(p.Changes))
	instances := map[addr.Resource][]int{}
	for n, c := range p.Changes {
		index[c.Addr] = n
		instances[c.Addr.Resource] = append(instances[c.Addr.Resource], n)
		d.nodes[n] = vertex{label: oneLine(c.Addr.String()), action: c.Action, addr: c.Addr.Resource}
		d.graph.Add(n)
	}
	hubs := map[addr.Resource]int{}
	for n, c := range p.Changes {
		for _, dep := range c.DependsOn {
			if i, ok := index[dep]; ok {
				d.graph.AddEdge(n, i)
				continue
			}
			all := instances[dep.Resource]
			if dep.Key != addr.NoKey || len(all) == 0 {
				continue
			}
			hub, ok := hubs[dep.Resource]
			if !ok {
				hub = len(p.Changes) + len(hubs)
				hubs[dep.Resource] = hub
				d.nodes[hub] = vertex{label: oneLine(dep.Resource.String()), hub: true, addr: dep.Resource}
				d.graph.Add(hub, all...)
			}
			d.graph.AddEdge(n, hub)
		}
	}
}
