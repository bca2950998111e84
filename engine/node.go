package engine

import (
	"cmp"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/lang"
)

// node names something that has a place in the order of evaluation. The zero value is invalid.
type node struct {
	kind nodeKind
	mod  addr.Module // of everything but instances and resources
	name string
	inst addr.Instance // of an instance, and with NoKey of a whole resource
}

type nodeKind uint8

const (
	nodeVariable nodeKind = iota + 1 // of a called module
	nodeLocal
	nodeOutput
	nodeProvider // its name is the provider's key
	nodeInstance
	nodeResource  // all instances
	nodeCall      // the keys of a module call
	nodeCallValue // `call.output`: an output of all instances of a call
	nodeCallAll   // every resource within a call
	nodeCheck
)

func (n node) String() string {
	dot := ""
	if n.mod != "" {
		dot = string(n.mod) + "."
	}
	switch n.kind {
	case nodeVariable:
		return dot + "var." + n.name
	case nodeLocal:
		return dot + "local." + n.name
	case nodeOutput:
		return dot + "output." + n.name
	case nodeProvider:
		return "provider." + n.name
	case nodeCall, nodeCallValue, nodeCallAll:
		return dot + "module." + n.name
	case nodeCheck:
		return dot + "check." + n.name
	}
	return n.inst.String()
}

func compareNodes(a, b node) int {
	return cmp.Or(int(a.kind)-int(b.kind), strings.Compare(string(a.mod), string(b.mod)), strings.Compare(a.name, b.name), addr.Compare(a.inst, b.inst))
}

func resourceNode(r addr.Resource) node {
	return node{kind: nodeResource, inst: r.Instance(addr.NoKey)}
}

// ref is a reference together with the module whose expression holds it. Addresses of resources in it are those of the
// whole configuration.
type ref struct {
	lang.Reference
	in *module
}

// place makes references of a module's expression absolute.
func (m *module) place(refs []lang.Reference) []ref {
	out := make([]ref, len(refs))
	for i, r := range refs {
		if r.Kind == lang.RefResource || r.Kind == lang.RefData {
			r.Resource.Module = m.path
		}
		out[i] = ref{r, m}
	}
	return out
}

// references returns what an expression of the module refers to; nil expressions refer to nothing.
func (m *module) references(ds *hcl.Diagnostics, exprs ...hcl.Expression) (out []ref) {
	for _, e := range exprs {
		if e == nil {
			continue
		}
		refs, more := lang.ExprReferences(e)
		*ds = append(*ds, more...)
		out = append(out, m.place(refs)...)
	}
	return out
}

// targets returns the nodes that a reference leads to. One for all instances of a call is a node of its own, so that N
// references to M instances cost N + M edges.
func (w *world) targets(r ref) []node {
	switch r.Kind {
	case lang.RefVar:
		if r.in.parent != nil {
			return []node{{kind: nodeVariable, mod: r.in.path, name: r.Name}}
		}
	case lang.RefLocal:
		return []node{{kind: nodeLocal, mod: r.in.path, name: r.Name}}
	case lang.RefResource, lang.RefData:
		return []node{resourceNode(r.Resource)}
	case lang.RefModule:
		c := r.in.calls[r.Name]
		if c == nil {
			return nil
		}
		out := []node{{kind: nodeCall, mod: r.in.path, name: r.Name}}
		if m := c.one(r); m != nil {
			for _, name := range c.outputsOf(r) {
				out = append(out, node{kind: nodeOutput, mod: m.path, name: name})
			}
			return out
		}
		for _, name := range c.outputsOf(r) {
			out = append(out, node{kind: nodeCallValue, mod: r.in.path, name: r.Name + "." + name})
		}
		return out
	}
	return nil
}

// dependTargets returns the nodes that a reference in depends_on leads to: of a module, everything in it.
func (w *world) dependTargets(r ref) []node {
	if r.Kind == lang.RefModule {
		if r.in.calls[r.Name] == nil {
			return nil
		}
		return []node{{kind: nodeCall, mod: r.in.path, name: r.Name}, {kind: nodeCallAll, mod: r.in.path, name: r.Name}}
	}
	return w.targets(r)
}
