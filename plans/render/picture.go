package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxBoxes is how many boxes a reader can follow in one picture. Larger graphs are drawn by groups.
const maxBoxes = 90

// box is a node of a picture: one step, or a group of steps that stand at the same place in the order.
type box struct {
	class string // CSS class
	title string // the small line above, for instance `create`
	label string
	more  []string // what a group holds, for the tooltip
	hub   bool
	bend  bool // no box at all: an edge passes through a layer here
	layer int
	deps  []int // boxes that come before

	x, y, w float64 // of the left edge and of the middle
}

// picture is a graph by layers: edges lead from lower layers to higher ones.
type picture struct {
	boxes         []*box
	layers        [][]int
	width, height float64
	grouped       int // how many nodes the boxes stand for, when there are groups
}

// classed says how a node is coloured. It lets a run colour its steps by their outcome.
type classed func(n int, v vertex) string

func byAction(_ int, v vertex) string {
	if v.verb == "" {
		return "none"
	}
	return "a-" + strings.ReplaceAll(v.action.String(), "-", "")
}

// compose turns a drawing into boxes by layers. Above maxBoxes, nodes of one layer are put together: those of one
// resource first, then those of one type, then those of one action; chains that are longer than that are cut into
// sections. It costs O((nodes + edges) log nodes).
func compose(d *drawing, class classed) *picture {
	layer := map[int]int{}
	order, _ := d.graph.Sort() // a drawing has no circle
	depth := 0
	for _, n := range order {
		for dep := range d.graph.Deps(n) {
			layer[n] = max(layer[n], layer[dep]+1)
		}
		depth = max(depth, layer[n]+1)
	}
	group := func(key func(n int) string) map[int]string {
		out := make(map[int]string, len(order))
		for _, n := range order {
			out[n] = key(n)
		}
		return out
	}
	nodes := d.nodes
	keys := []func(n int) string{
		func(n int) string { return fmt.Sprint(n) },
		func(n int) string { return fmt.Sprint(layer[n], class(n, nodes[n]), nodes[n].verb, nodes[n].addr) },
		func(n int) string {
			return fmt.Sprint(layer[n], class(n, nodes[n]), nodes[n].verb, nodes[n].addr.Module, nodes[n].addr.Mode, nodes[n].addr.Type)
		},
		func(n int) string { return fmt.Sprint(layer[n], class(n, nodes[n]), nodes[n].verb) },
		func(n int) string { return fmt.Sprint(layer[n] * maxBoxes / max(depth, 1) / 2) },
	}
	var of map[int]string
	for level, key := range keys {
		of = group(key)
		if distinct := len(slices.Compact(slices.Sorted(maps.Values(of)))); distinct <= maxBoxes || level == len(keys)-1 {
			break
		}
	}
	return d.boxes(order, of, class)
}

// boxes makes one box for each group of nodes.
func (d *drawing) boxes(order []int, of map[int]string, class classed) *picture {
	p := &picture{}
	index := map[string]int{}
	members := map[string][]int{}
	for _, n := range order {
		k := of[n]
		if _, ok := index[k]; !ok {
			index[k] = len(p.boxes)
			p.boxes = append(p.boxes, &box{})
		}
		members[k] = append(members[k], n)
	}
	for k, ns := range members {
		i := index[k]
		p.boxes[i] = d.box(ns, class)
		deps := map[int]bool{}
		for _, n := range ns {
			for dep := range d.graph.Deps(n) {
				if j := index[of[dep]]; j != i {
					deps[j] = true
				}
			}
		}
		p.boxes[i].deps = slices.Sorted(maps.Keys(deps))
	}
	if len(p.boxes) < len(order) {
		p.grouped = len(order)
	}
	p.place()
	return p
}

// box makes the box of nodes that are drawn as one.
func (d *drawing) box(ns []int, class classed) *box {
	first := d.nodes[ns[0]]
	b := &box{class: class(ns[0], first), title: first.verb, label: first.label, hub: first.hub && len(ns) == 1}
	if len(ns) == 1 {
		return b
	}
	verbs, types, names := map[string]int{}, map[string]bool{}, map[string]bool{}
	for _, n := range ns {
		v := d.nodes[n]
		verbs[v.verb]++
		types[v.addr.Type] = true
		names[v.addr.String()] = true
		b.more = append(b.more, strings.TrimSpace(v.verb+" "+v.label))
		if c := class(n, v); c != b.class {
			b.class = "mixed"
		}
	}
	var parts []string
	for _, verb := range slices.Sorted(maps.Keys(verbs)) {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%d × %s", verbs[verb], cmp.Or(verb, "node"))))
	}
	b.title = strings.Join(parts, ", ")
	b.label = first.addr.Type
	switch {
	case len(names) == 1:
		b.label = first.addr.String()
	case len(types) > 1:
		b.label = plural(len(types), "type")
	}
	return b
}
