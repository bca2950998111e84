package lsp

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// references finds where a thing is mentioned in the directory of the document. Files in the JSON syntax are not looked
// through, and neither are other directories that call this one as a module.
func (s *server) references(ctx context.Context, p positionParams) (any, error) {
	out := []location{}
	v := s.workspace.view(p.TextDocument.URI)
	if v == nil || v.body == nil {
		return out, nil
	}
	offset := v.text.offset(p.Position)
	wanted, ok := v.entity(locate(v.body, offset), offset)
	if !ok {
		return out, nil
	}
	if at, found := v.declaration(wanted); found && p.Context.IncludeDeclaration {
		out = append(out, v.location(at))
	}
	for _, path := range slices.Sorted(maps.Keys(v.config.Files)) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		body := native(v.config, path)
		if filepath.Dir(path) != v.dir || body == nil {
			continue
		}
		_ = hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics {
			t, isTraversal := n.(*hclsyntax.ScopeTraversalExpr)
			if !isTraversal {
				return nil
			}
			end := t.Range().End.Byte
			if e, ok := v.named(t, end); ok && e == wanted {
				out = append(out, v.location(t.Range()))
			} else if e, ok := v.named(t, 0); ok && e == wanted { // the call, not its output
				out = append(out, v.location(t.Range()))
			}
			return nil
		})
	}
	return out, nil
}
