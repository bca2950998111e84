package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
)

// roots are the first names of references that do not name a resource type, sorted.
func roots() []string {
	return []string{"count", "data", "each", "local", "meshplan", "module", "path", "self", "var"}
}

// IsReserved reports whether name starts references of a special kind, so that no resource type can have it.
func IsReserved(name string) bool {
	_, found := slices.BinarySearch(roots(), name)
	return found || name == "terraform" || name == "resource"
}

// ParseReferences reads absolute traversals, such as those of hcl.Expression.Variables, in their order. It cannot see
// dynamic indexes: see ExprReferences for that. What it cannot read is left out of the result and diagnosed.
func ParseReferences(traversals []hcl.Traversal) ([]Reference, hcl.Diagnostics) {
	var refs []Reference
	var ds hcl.Diagnostics
	for _, t := range traversals {
		ref, d := parseReference(t)
		if d != nil {
			ds = append(ds, d)
			continue
		}
		refs = append(refs, ref)
	}
	return refs, ds
}

// parseReference reads one absolute traversal.
func parseReference(t hcl.Traversal) (Reference, *hcl.Diagnostic) {
	root := t.RootName()
	ref := Reference{Traversal: t, Range: t.SourceRange()}
	switch root {
	case "var":
		return ref.named(RefVar, "a variable", "var.name")
	case "local":
		return ref.named(RefLocal, "a local value", "local.name")
	case "meshplan":
		return ref.named(RefMeshplan, "a fact about the run", "meshplan.version")
	case "each":
		return ref.oneOf(RefEach, "key", "value")
	case "count":
		return ref.oneOf(RefCount, "index")
	case "path":
		return ref.oneOf(RefPath, "cwd", "module", "root")
	case "self":
		ref.Kind, ref.Remaining = RefSelf, t[1:]
		return ref, nil
	case "module":
		ref, d := ref.named(RefModule, "a module call", "module.name")
		if d == nil {
			d = ref.takeKey()
		}
		return ref, d
	case "terraform":
		return ref, ref.invalid("There is no object \"terraform\" here. meshplan has no workspaces: use a variable, and one directory "+
			"or one state for each environment.", t.SourceRange())
	case "resource":
		return ref, ref.invalid("A resource is referred to by its type and name alone: leave out \"resource.\".", t.SourceRange())
	case "data":
		ref.Kind = RefData
		return ref.resource(addr.Data, 1)
	}
	ref.Kind = RefResource
	return ref.resource(addr.Managed, 0)
}

// named reads `root.NAME…`.
func (r Reference) named(kind RefKind, what, example string) (Reference, *hcl.Diagnostic) {
	name, ok := attrAt(r.Traversal, 1)
	if !ok {
		return r, r.invalid(fmt.Sprintf("The object %q cannot be used as a whole: name %s, as in %q.", r.Traversal.RootName(), what, example), r.Range)
	}
	r.Kind, r.Name, r.Remaining = kind, name, r.Traversal[2:]
	return r, nil
}

// oneOf reads `root.NAME…` where only some names exist.
func (r Reference) oneOf(kind RefKind, names ...string) (Reference, *hcl.Diagnostic) {
	root := r.Traversal.RootName()
	name, ok := attrAt(r.Traversal, 1)
	if !ok || !slices.Contains(names, name) {
		list := root + "." + strings.Join(names, ", "+root+".")
		return r, r.invalid(fmt.Sprintf("The object %q has only: %s.%s", root, list, diag.Suggest(name, names)), r.Range)
	}
	r.Kind, r.Name, r.Remaining = kind, name, r.Traversal[2:]
	return r, nil
}

// resource reads `TYPE.NAME[KEY]…` from the step with index at.
func (r Reference) resource(mode addr.Mode, at int) (Reference, *hcl.Diagnostic) {
	typ, ok := r.Traversal.RootName(), true
	if at > 0 {
		typ, ok = attrAt(r.Traversal, at)
	}
	name, named := attrAt(r.Traversal, at+1)
	switch {
	case mode == addr.Data && (!ok || !named):
		return r, r.invalid("A data source is referred to by three names: \"data\", its type and its name, as in data.linkerd_check.pre.", r.Range)
	case !named:
		return r, r.invalid(fmt.Sprintf("A resource is referred to by its type and its name, but %q stands alone. If it is meant as text, "+
			"put it in quotes.%s", typ, diag.Suggest(typ, roots())), r.Range)
	}
	r.Resource = addr.Resource{Mode: mode, Type: typ, Name: name}
	r.Remaining = r.Traversal[at+2:]
	return r, r.takeKey()
}

// takeKey moves an index from the front of Remaining to Key.
func (r *Reference) takeKey() *hcl.Diagnostic {
	if len(r.Remaining) == 0 {
		return nil
	}
	index, ok := r.Remaining[0].(hcl.TraverseIndex)
	if !ok {
		return nil
	}
	key, err := addr.KeyFromValue(index.Key)
	if err != nil {
		return r.invalid(fmt.Sprintf("The instance cannot be found: %s.", err), index.SrcRange)
	}
	r.Key, r.KeyExpr, r.Remaining = key, KeyStatic, r.Remaining[1:]
	return nil
}

func (r *Reference) invalid(detail string, at hcl.Range) *hcl.Diagnostic {
	return diag.Error(CodeInvalidReference, "Invalid reference", detail, at.Ptr())
}

// attrAt returns the name of the attribute step at index i.
func attrAt(t hcl.Traversal, i int) (string, bool) {
	if i >= len(t) {
		return "", false
	}
	a, ok := t[i].(hcl.TraverseAttr)
	return a.Name, ok
}
