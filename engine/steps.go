package engine

import (
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

// The graph of steps has up to two nodes for each instance: `up` makes or changes the object, `down` deletes it.
// Joins stand for all instances of a resource, so that N instances that refer to M instances cost N + M edges.
//
//	up(i)    after up(d)    for every dependency d
//	down(x)  after down(y)  for every y that depended on x when it was applied
//	down(x)  after up(y)    when y stays: it stops referring to x before x goes ("soft": given up if it closes a circle)
//	up(x)    after down(x)  for a replacement that deletes first
//	down(x)  after up(x)    for one that creates first
//
// In a rollback an update is undone in the place of a deletion: after everything that was built on it.
type orderNode int

// sorter builds the steps of a plan.
type sorter struct {
	p      *planner
	addrs  []addr.Instance
	index  map[addr.Instance]int
	graph  *dag.Graph[orderNode]
	groups map[addr.Resource][]int // changes of a resource, for joins
	former map[addr.Instance][]int // deletions of former objects, by the address of the present one
	joins  map[join]orderNode
	labels []string // of joins, for messages
	soft   map[[2]orderNode]bool
}

type join struct {
	resource addr.Resource
	kind     joinKind
}

type joinKind uint8

const (
	allUp    joinKind = iota + 1 // every instance is up
	leftDown                     // everything that depended on the whole resource is down
	leftUp                       // everything that depended on the whole resource has been updated
)

// Nodes are numbered 2·change for up and 2·change+1 for down, then the joins.
func up(i int) orderNode   { return orderNode(2 * i) }
func down(i int) orderNode { return orderNode(2*i + 1) }

// order fills in the plan's changes and steps from what has been planned for each instance. It costs O(V log V + E).
func (p *planner) order() hcl.Diagnostics {
	s := &sorter{p: p, addrs: sortedKeys(p.changes), index: map[addr.Instance]int{}, groups: map[addr.Resource][]int{},
		former: map[addr.Instance][]int{}, joins: map[join]orderNode{}, soft: map[[2]orderNode]bool{}}
	for n, a := range s.addrs {
		s.index[a] = n
		s.groups[a.Resource] = append(s.groups[a.Resource], n)
		if a.Deposed != "" {
			s.former[a.Current()] = append(s.former[a.Current()], n)
		}
	}
	nodes, ds := s.sort()
	if ds.HasErrors() {
		return ds
	}
	s.emit(nodes)
	if p.o.Mode == plans.Normal {
		p.planOutputs(p.outputs)
	}
	slices.SortFunc(p.plan.Outputs, func(a, b plans.OutputChange) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func (s *sorter) change(n int) *planned { return s.p.changes[s.addrs[n]] }

// hasUp and hasDown say which nodes an instance has.
func (s *sorter) hasUp(c *planned) bool {
	switch c.Action {
	case plans.Delete, plans.Forget:
		return false
	case plans.Update:
		return s.p.plan.Mode != plans.Rollback
	}
	return true
}

func (s *sorter) hasDown(c *planned) bool {
	switch c.Action {
	case plans.Delete, plans.Forget, plans.Replace:
		return true
	case plans.Update, plans.NoOp: // what stays as it is still carries the order between those around it
		return s.p.plan.Mode == plans.Rollback
	}
	return false
}

// sort returns the nodes in an order that respects every edge.
func (s *sorter) sort() ([]orderNode, hcl.Diagnostics) {
	for {
		s.build()
		nodes, err := s.graph.Sort()
		var cycle *dag.CycleError[orderNode]
		if err == nil {
			return nodes, nil
		}
		if !errors.As(err, &cycle) || !s.dropSoft(cycle.Cycle) {
			return nil, hcl.Diagnostics{s.circle(err, cycle)}
		}
	}
}

// dropSoft gives up the soft edges of a cycle and reports whether there were any.
func (s *sorter) dropSoft(cycle []orderNode) (dropped bool) {
	for i, n := range cycle {
		e := [2]orderNode{n, cycle[(i+1)%len(cycle)]}
		if _, isSoft := s.soft[e]; isSoft && !s.soft[e] {
			s.soft[e] = true
			dropped = true
		}
	}
	return dropped
}

// needsCreateFirst explains a circle that comes from a replacement which would have to create first and cannot.
func (s *sorter) needsCreateFirst(cycle []orderNode) *hcl.Diagnostic {
	var first, last *planned
	for _, n := range cycle {
		i := int(n) / 2
		if i >= len(s.addrs) {
			continue
		}
		c := s.change(i)
		switch {
		case c.Action != plans.Replace:
		case c.CreateFirst:
			first = c
		case c.CreateBeforeDestroy:
			last = c
		}
	}
	if first == nil || last == nil {
		return nil
	}
	why := ""
	if t := s.p.schemaOf(last.Provider, last.Addr.Type); t != nil {
		why = coexist(t, last.Before, last.After)
	}
	d := diag.Errorf(CodeCreateFirst, "Cannot create before destroying", "%s is created before it is destroyed, and %s, on which it depends, is replaced in the same plan. Its old and its new "+
		"object cannot exist at the same time: %s. Replace them one after the other, or remove create_before_destroy from %s.", first.Addr, last.Addr, why, first.Addr.Resource)
	if last.Range.Filename != "" {
		d.Subject = &last.Range
	}
	return d
}

func (s *sorter) label(n orderNode) string {
	if i := int(n) / 2; i < len(s.addrs) {
		c := s.change(i)
		if n == down(i) && c.Action == plans.Replace {
			return "delete " + s.addrs[i].String()
		}
		if c.Action == plans.NoOp {
			return s.addrs[i].String()
		}
		return c.Action.String() + " " + s.addrs[i].String()
	}
	return s.labels[int(n)-2*len(s.addrs)]
}

// build makes the graph anew, without the soft edges that were given up.
func (s *sorter) build() {
	s.graph = dag.New(func(a, b orderNode) int { return int(a) - int(b) })
	s.joins, s.labels = map[join]orderNode{}, nil
	for n := range s.addrs {
		c := s.change(n)
		if s.hasUp(c) {
			s.graph.Add(up(n))
		}
		if s.hasDown(c) {
			s.graph.Add(down(n))
		}
		switch {
		case c.Action == plans.Replace && c.CreateFirst:
			s.graph.AddEdge(down(n), up(n))
		case c.Action == plans.Replace:
			s.graph.AddEdge(up(n), down(n))
		}
	}
	for n := range s.addrs {
		c := s.change(n)
		if s.hasUp(c) {
			for _, d := range c.newDeps {
				s.after(up(n), d, n)
			}
		}
		for _, d := range c.oldDeps {
			s.before(n, c, d)
		}
		s.aside(n, c)
	}
}

// aside adds the edges of former objects, and of a rollback's updates that need a new object first.
func (s *sorter) aside(n int, c *planned) {
	for _, old := range s.former[s.addrs[n]] {
		if s.hasUp(c) {
			s.softEdge(down(old), up(n))
		}
	}
	if s.p.plan.Mode != plans.Rollback || s.hasUp(c) || c.Action != plans.Update {
		return
	}
	for _, d := range c.newDeps {
		if i, ok := s.index[d]; ok && i != n && s.change(i).CreateFirst {
			s.softEdge(down(n), up(i))
		}
	}
}

// after adds the edges of up(n) to a dependency.
func (s *sorter) after(n orderNode, d addr.Instance, self int) {
	if i, ok := s.index[d]; ok {
		s.edgeUp(n, i, self)
		return
	}
	if d.Key != addr.NoKey {
		return
	}
	if group := s.groups[d.Resource]; len(group) == 1 {
		s.edgeUp(n, group[0], self)
	} else if len(group) > 1 {
		s.graph.AddEdge(n, s.join(join{d.Resource, allUp}))
	}
}

func (s *sorter) edgeUp(n orderNode, dep, self int) {
	c := s.change(dep)
	switch {
	case dep == self:
	case s.hasUp(c):
		s.graph.AddEdge(n, up(dep))
	case c.Action == plans.Update:
		s.graph.AddEdge(n, down(dep)) // a rollback's update
	}
}

// before adds the edges that keep a dependency alive until its former dependent n has let go of it.
func (s *sorter) before(n int, c *planned, d addr.Instance) {
	for _, old := range s.former[d] {
		s.release(old, n, c)
	}
	if i, ok := s.index[d]; ok {
		s.release(i, n, c)
		return
	}
	if d.Key != addr.NoKey {
		return
	}
	group := s.groups[d.Resource]
	if len(group) == 1 {
		s.release(group[0], n, c)
		return
	}
	if len(group) == 0 {
		return
	}
	if s.hasDown(c) {
		s.graph.AddEdge(s.join(join{d.Resource, leftDown}), down(n))
	} else if s.hasUp(c) {
		s.graph.AddEdge(s.join(join{d.Resource, leftUp}), up(n))
	}
}

// release orders down(dep) after its former dependent n.
func (s *sorter) release(dep, n int, c *planned) {
	dc := s.change(dep)
	if dep == n || !s.hasDown(dc) {
		return
	}
	if s.hasDown(c) {
		s.undo(dep, down(n))
		return
	}
	if s.hasUp(c) && (dc.Action != plans.Replace || dc.CreateFirst) {
		s.softEdge(down(dep), up(n))
	}
}

// undo orders the way down of a change after a node. An object that stays, as it does where a rollback updates it, need
// not wait where that closes a circle: a dependent whose new object comes first needs it before its old object goes.
func (s *sorter) undo(dep int, after orderNode) {
	switch s.change(dep).Action {
	case plans.Update, plans.NoOp:
		s.softEdge(down(dep), after)
	default:
		s.graph.AddEdge(down(dep), after)
	}
}

func (s *sorter) softEdge(n, dep orderNode) {
	e := [2]orderNode{n, dep}
	if s.soft[e] {
		return
	}
	s.soft[e] = false
	s.graph.AddEdge(n, dep)
}

// join returns the node that stands for all instances of a resource, made on first use.
func (s *sorter) join(j join) orderNode {
	if n, ok := s.joins[j]; ok {
		return n
	}
	n := orderNode(2*len(s.addrs) + len(s.joins))
	s.joins[j] = n
	s.labels = append(s.labels, j.resource.String())
	s.graph.Add(n)
	for _, i := range s.groups[j.resource] {
		c := s.change(i)
		switch {
		case j.kind == allUp:
			s.edgeUp(n, i, -1)
		case !s.hasDown(c):
		case j.kind == leftDown:
			s.undo(i, n)
		case j.kind == leftUp && (c.Action != plans.Replace || c.CreateFirst):
			s.softEdge(down(i), n)
		}
	}
	return n
}

// emit writes changes and steps into the plan: steps that do nothing stay only where they carry order between others.
func (s *sorter) emit(nodes []orderNode) {
	p := s.p.plan
	place := make(map[int]int, len(s.addrs)) // change by number → index in the plan
	for _, n := range nodes {
		i := int(n) / 2
		if i >= len(s.addrs) {
			continue
		}
		if _, done := place[i]; !done {
			place[i] = len(p.Changes)
			p.Changes = append(p.Changes, s.change(i).Change)
		}
	}
	for i := range s.addrs { // joins only order; every change has at least one node, so this adds nothing but guards the promise
		if _, done := place[i]; !done {
			place[i] = len(p.Changes)
			p.Changes = append(p.Changes, s.change(i).Change)
		}
	}
	size := 2*len(s.addrs) + len(s.labels)
	below, above := make([]bool, size), make([]bool, size)
	for _, n := range nodes {
		below[n] = s.op(n) != plans.OpPass
		for d := range s.graph.Deps(n) {
			below[n] = below[n] || below[d]
		}
	}
	for _, n := range slices.Backward(nodes) {
		above[n] = s.op(n) != plans.OpPass
		for d := range s.graph.Dependents(n) {
			above[n] = above[n] || above[d]
		}
	}
	index := make(map[orderNode]int)
	for _, n := range nodes {
		op := s.op(n)
		if !below[n] || !above[n] {
			continue
		}
		step := plans.Step{Change: -1, Op: op}
		if i := int(n) / 2; i < len(s.addrs) {
			step.Change = place[i]
		}
		for d := range s.graph.Deps(n) {
			if at, ok := index[d]; ok {
				step.Deps = append(step.Deps, at)
			}
		}
		slices.Sort(step.Deps)
		index[n] = len(p.Steps)
		p.Steps = append(p.Steps, step)
	}
}

// op says what a node does.
func (s *sorter) op(n orderNode) plans.Op {
	i := int(n) / 2
	if i >= len(s.addrs) {
		return plans.OpPass
	}
	c := s.change(i)
	isDown := n == down(i)
	switch c.Action {
	case plans.Create:
		return plans.OpCreate
	case plans.Update:
		return plans.OpUpdate
	case plans.Replace:
		if isDown {
			return plans.OpDelete
		}
		return plans.OpCreate
	case plans.Delete:
		return plans.OpDelete
	case plans.Forget:
		return plans.OpForget
	case plans.Read:
		return plans.OpRead
	}
	switch {
	case isDown && s.hasUp(c):
		return plans.OpPass
	case c.claims():
		return plans.OpClaim
	case c.write:
		return plans.OpRecord
	}
	return plans.OpPass
}
