package lsp

import (
	"context"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/lang"
)

// entity is a thing with a declaration. Two mentions mean the same when their entities are equal.
type entity struct {
	module   string // directory of the module that declares it
	kind     lang.RefKind
	name     string        // of a variable, local or module call; of an output when output is true
	resource addr.Resource // of a resource or data source
	output   bool
}

func (s *server) definition(_ context.Context, p positionParams) (any, error) {
	v := s.workspace.view(p.TextDocument.URI)
	if v == nil || v.body == nil {
		return nil, nil
	}
	e, ok := v.entity(locate(v.body, v.text.offset(p.Position)), v.text.offset(p.Position))
	if !ok {
		return nil, nil
	}
	at, ok := v.declaration(e)
	if !ok {
		return nil, nil
	}
	return v.location(at), nil
}

// entity returns what a spot mentions or declares.
func (v *view) entity(at spot, offset int) (entity, bool) {
	if at.traversal != nil {
		return v.named(at.traversal, offset)
	}
	if len(at.blocks) != 1 {
		return entity{}, false
	}
	b := at.blocks[0]
	switch {
	case at.label >= 0 && at.label == len(b.Labels)-1:
		return v.declared(b)
	case at.name && b.Type == "locals":
		return entity{module: v.module.Dir, kind: lang.RefLocal, name: at.attribute.Name}, true
	case at.attribute != nil && b.Type == "module":
		child := called(v.module, b.Labels)
		if child == nil {
			return entity{}, false
		}
		if at.name && child.Variables[at.attribute.Name] != nil {
			return entity{module: child.Dir, kind: lang.RefVar, name: at.attribute.Name}, true
		}
		if !at.name && at.attribute.Name == "source" {
			return entity{module: child.Dir}, true
		}
	}
	return entity{}, false
}

// declared returns what a block declares.
func (v *view) declared(b *hclsyntax.Block) (entity, bool) {
	e := entity{module: v.module.Dir}
	last := b.Labels[len(b.Labels)-1]
	switch b.Type {
	case "variable":
		e.kind, e.name = lang.RefVar, last
	case "output":
		e.kind, e.name, e.output = lang.RefModule, last, true
	case "module":
		e.kind, e.name = lang.RefModule, last
	case "resource", "data":
		if len(b.Labels) != 2 {
			return e, false
		}
		e.kind, e.resource = lang.RefResource, addr.Resource{Mode: addr.Managed, Type: b.Labels[0], Name: b.Labels[1]}
		if b.Type == "data" {
			e.kind, e.resource.Mode = lang.RefData, addr.Data
		}
	default:
		return e, false
	}
	return e, true
}

// named returns what a traversal names. Behind the name of a module call it is the output.
func (v *view) named(t *hclsyntax.ScopeTraversalExpr, offset int) (entity, bool) {
	r, ok := reference(t.Traversal)
	if !ok {
		return entity{}, false
	}
	e := entity{module: v.module.Dir, kind: r.Kind}
	switch r.Kind {
	case lang.RefVar, lang.RefLocal:
		e.name = r.Name
	case lang.RefResource, lang.RefData:
		e.resource = r.Resource
	case lang.RefModule:
		e.name = r.Name
		if len(r.Remaining) == 0 {
			break
		}
		call := v.module.Calls[r.Name]
		if a, ok := r.Remaining[0].(hcl.TraverseAttr); ok && a.SrcRange.Start.Byte < offset && call != nil && call.Module != nil {
			return entity{module: call.Module.Dir, kind: lang.RefModule, name: a.Name, output: true}, true
		}
	default:
		return entity{}, false
	}
	return e, true
}

// declaration finds where an entity is declared.
func (v *view) declaration(e entity) (hcl.Range, bool) {
	m := findModule(v.config.Root, e.module)
	if m == nil {
		return hcl.Range{}, false
	}
	switch {
	case e.output:
		if o := m.Outputs[e.name]; o != nil {
			return o.DeclRange, true
		}
	case e.kind == lang.RefVar:
		if x := m.Variables[e.name]; x != nil {
			return x.DeclRange, true
		}
	case e.kind == lang.RefLocal:
		if x := m.Locals[e.name]; x != nil {
			return x.Range, true
		}
	case e.kind == lang.RefModule:
		if x := m.Calls[e.name]; x != nil {
			return x.DeclRange, true
		}
	case e.kind == lang.RefResource, e.kind == lang.RefData:
		if x := m.Resources[e.resource]; x != nil {
			return x.DeclRange, true
		}
	default:
		return v.firstFile(m)
	}
	return hcl.Range{}, false
}

// findModule returns the module of a directory among those that a module calls.
func findModule(m *config.Module, dir string) *config.Module {
	if m.Dir == dir {
		return m
	}
	for _, c := range m.SortedCalls() {
		if c.Module != nil {
			if found := findModule(c.Module, dir); found != nil {
				return found
			}
		}
	}
	return nil
}

// firstFile is the start of the first file of a module.
func (v *view) firstFile(m *config.Module) (hcl.Range, bool) {
	dir, first := filepath.Join(v.config.Dir, filepath.FromSlash(m.Dir)), ""
	for path := range v.config.Files {
		if filepath.Dir(path) == dir && (first == "" || path < first) {
			first = path
		}
	}
	return hcl.Range{Filename: first, Start: hcl.InitialPos, End: hcl.InitialPos}, first != ""
}

// location converts a range of the configuration.
func (v *view) location(r hcl.Range) location {
	out := location{URI: toURI(r.Filename)}
	if r.Filename == v.path {
		out.URI = v.uri
	}
	if f := v.config.Files[r.Filename]; f != nil {
		out.Range = newText(f.Bytes).span(r)
	}
	return out
}
