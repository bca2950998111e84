package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

// CodeMoved: moved blocks lead to an address that is taken, or round in a circle.
const CodeMoved diag.Code = "config.moved"

// movement is one moved block as it applies to the whole configuration.
type movement struct {
	*config.Moved
	within []string // names of the module calls that hold the block; it applies to every instance of them
}

// move gives records the addresses that moved blocks and changes between count and no count say. Nothing is written:
// the plan carries both addresses, and applying it writes the new one and removes the old one in one commit.
// It costs O(records × blocks that name their type or a module).
func (p *planner) move() (ds hcl.Diagnostics) {
	p.moved = map[addr.Instance]addr.Instance{}
	moves := movements(p.config.Root, nil)
	stored := map[addr.Instance]bool{}
	for a := range p.records {
		stored[a] = true
	}
	begun := map[addr.Instance]bool{}
	for _, in := range p.snapshot.Unresolved {
		begun[in.Addr] = true
	}
	for _, in := range p.snapshot.Unresolved {
		if !in.From.IsZero() && (p.records[in.From] != nil || begun[in.From]) {
			continue // it was about to move, and is where it was
		}
		stored[in.Addr] = true
	}
	for _, a := range sortedKeys(stored) {
		to, d := follow(moves, a)
		if d != nil {
			return append(ds, d)
		}
		if to == a {
			if other := p.recounted(a); !stored[other] {
				to = other
			}
		}
		if to != a {
			p.moved[a] = to
		}
	}
	if ds = p.checkDestinations(moves, stored); ds.HasErrors() || len(p.moved) == 0 {
		return ds
	}
	p.carryOut()
	return p.relink(moves)
}

// carryOut puts the records that move to their places, all at once: one may move to where another comes from.
func (w *world) carryOut() {
	leaving := map[addr.Instance]*record{}
	for from, to := range w.moved {
		if rec := w.records[from]; rec != nil {
			leaving[to] = rec
			delete(w.records, from)
		}
	}
	for to, rec := range leaving {
		w.place(rec, to)
	}
}

// relink makes recorded dependencies follow what moved.
func (p *planner) relink(moves []movement) hcl.Diagnostics {
	for _, rec := range p.records {
		var deps []addr.Instance
		for n, d := range rec.DependsOn {
			to, moved := p.moved[d]
			if !moved {
				var problem *hcl.Diagnostic
				if to, problem = follow(moves, d); problem != nil {
					return hcl.Diagnostics{problem}
				}
			}
			if to == d {
				continue
			}
			if deps == nil {
				deps = slices.Clone(rec.DependsOn)
			}
			deps[n] = to
		}
		if deps != nil {
			stored := *rec.Record
			stored.DependsOn = tidy(deps)
			rec.Record, rec.relinked = &stored, true
		}
	}
	return nil
}

// movements lists the moved blocks of a module and of those that it calls.
func movements(m *config.Module, within []string) (out []movement) {
	for _, mv := range m.Moved {
		out = append(out, movement{mv, within})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Calls)) {
		if call := m.Calls[name]; call.Module != nil {
			out = append(out, movements(call.Module, append(slices.Clone(within), name))...)
		}
	}
	return out
}

// follow returns where an address ends after all moves that apply to it one after the other.
func follow(moves []movement, a addr.Instance) (addr.Instance, *hcl.Diagnostic) {
	start := a
	for range len(moves) + 1 {
		next := a
		for _, m := range moves {
			if to, ok := m.apply(a); ok && to != a {
				next = to
				break
			}
		}
		if next == a {
			return a, nil
		}
		a = next
	}
	rng := moves[0].DeclRange
	return a, diag.Error(CodeMoved, "Moves in a circle", fmt.Sprintf("The moved blocks lead %s round in a circle. Keep only those that lead to the address that it has now.", start), &rng)
}

// apply returns where a move puts an address, and whether it names it.
func (m *movement) apply(a addr.Instance) (addr.Instance, bool) {
	if m.From.Type != a.Type && !m.From.IsModule() {
		return a, false
	}
	path, err := a.Module.Steps()
	if err != nil || len(path) < len(m.within)+len(m.From.Path) {
		return a, false
	}
	for n, name := range m.within {
		if path[n].Name != name {
			return a, false
		}
	}
	outer, rest := path[:len(m.within)], path[len(m.within):]
	if m.From.IsModule() {
		return m.applyModule(a, outer, rest)
	}
	if len(rest) != len(m.From.Path) || !slices.Equal(rest, m.From.Path) || m.From.Mode != a.Mode || m.From.Name != a.Name {
		return a, false
	}
	whole := m.From.Key == addr.NoKey && m.To.Key == addr.NoKey
	if !whole && a.Key != m.From.Key {
		return a, false
	}
	a.Module, a.Type, a.Name = modulePath(outer, m.To.Path), m.To.Type, m.To.Name
	if !whole {
		a.Key = m.To.Key
	}
	return a, true
}

// applyModule moves what is inside of a module: of all instances of the call when neither address has a key, of the
// one instance otherwise.
func (m *movement) applyModule(a addr.Instance, outer, rest []addr.Step) (addr.Instance, bool) {
	last := len(m.From.Path) - 1
	if last < 0 || len(m.To.Path) == 0 || !slices.Equal(rest[:last], m.From.Path[:last]) || rest[last].Name != m.From.Path[last].Name {
		return a, false
	}
	to := slices.Clone(m.To.Path)
	if m.From.Path[last].Key == addr.NoKey && to[len(to)-1].Key == addr.NoKey {
		to[len(to)-1].Key = rest[last].Key
	} else if rest[last].Key != m.From.Path[last].Key {
		return a, false
	}
	a.Module = modulePath(outer, append(to, rest[last+1:]...))
	return a, true
}

// modulePath joins two parts of a path.
func modulePath(outer, inner []addr.Step) (m addr.Module) {
	for _, s := range slices.Concat(outer, inner) {
		m = m.Child(s.Name, s.Key)
	}
	return m
}

// recounted returns the address that a record has since count came or went: index 0 and no index are the same
// instance, of a resource and of a module.
func (p *planner) recounted(a addr.Instance) addr.Instance {
	steps, err := a.Module.Steps()
	if err != nil {
		return a
	}
	m := p.config.Root
	for n := range steps {
		call := m.Calls[steps[n].Name]
		if call == nil || call.Module == nil {
			return a
		}
		steps[n].Key = recountedKey(steps[n].Key, call.Count != nil, call.ForEach != nil)
		m = call.Module
	}
	if len(steps) > 0 {
		a.Module = modulePath(nil, steps)
	}
	local := a.Resource
	local.Module = ""
	if r := m.Resources[local]; r != nil {
		a.Key = recountedKey(a.Key, r.Count != nil, r.ForEach != nil)
	}
	return a
}

func recountedKey(k addr.Key, count, forEach bool) addr.Key {
	switch {
	case count && k == addr.NoKey:
		return addr.IntKey(0)
	case !count && !forEach && k == addr.IntKey(0):
		return addr.NoKey
	}
	return k
}

// checkDestinations refuses moves to where something else is, or to one place.
func (p *planner) checkDestinations(moves []movement, stored map[addr.Instance]bool) (ds hcl.Diagnostics) {
	taken := map[addr.Instance]addr.Instance{}
	for _, from := range sortedKeys(p.moved) {
		to := p.moved[from]
		var at *hcl.Range
		for _, m := range moves {
			if _, ok := m.apply(from); ok {
				at = &m.DeclRange
			}
		}
		if other, both := taken[to]; both {
			ds = append(ds, diag.Error(CodeMoved, "Move to one place", fmt.Sprintf("Both %s and %s would move to %s.", other, from, to), at))
		}
		taken[to] = from
		if _, leaves := p.moved[to]; stored[to] && !leaves {
			ds = append(ds, diag.Error(CodeMoved, "Move to a taken address", fmt.Sprintf("%s cannot move to %s: another object is recorded there. Destroy one of them, or give one "+
				"another address with \"meshplan state mv\", and remove the moved block.", from, to), at))
		}
	}
	return ds
}

// moveAsPlanned gives records the addresses that a plan has for them. What an earlier run of the plan has moved is there
// already.
func (a *applier) moveAsPlanned() {
	a.moved = map[addr.Instance]addr.Instance{}
	begun := map[addr.Instance]bool{}
	for _, in := range a.snapshot.Unresolved {
		begun[in.Addr] = true
	}
	for _, c := range a.plan.Changes {
		if !c.PreviousAddr.IsZero() && (a.records[c.PreviousAddr] != nil || begun[c.PreviousAddr]) && c.Action != plans.Read {
			a.moved[c.PreviousAddr] = c.Addr
		}
	}
	a.carryOut()
}
