package render

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
)

// Types returns the declaration of a resource type, or nil for one that it does not know. It is asked once or twice for
// each change.
type Types func(addr.Resource) *schema.Resource

// defaults finds the attributes in a value that are there only because of their declared default. A reader who makes
// something wants to see what somebody has chosen.
func (b *builder) defaults(r addr.Resource, n *node) map[*node]bool {
	if b.types == nil || b.limit == 0 { // everything is asked for
		return nil
	}
	declared := b.types(r)
	if declared == nil {
		return nil
	}
	found := map[*node]bool{}
	b.findDefaults(&declared.Block, n, found)
	return found
}

func (b *builder) findDefaults(block *schema.Block, n *node, found map[*node]bool) {
	for name, a := range block.Attributes {
		if a.Default == cty.NilVal {
			continue
		}
		if kid := n.get(name); !kid.is(null) && !kid.is(secret) && same(kid, b.build(a.Default, nil)) {
			found[kid] = true
		}
	}
	for name, nested := range block.Blocks {
		kid := n.get(name)
		switch {
		case kid.is(null):
		case nested.Nesting == schema.Single:
			b.findDefaults(&nested.Block, kid, found)
		case kid.is(object), kid.is(list):
			for _, element := range kid.kids {
				b.findDefaults(&nested.Block, element, found)
			}
		}
	}
}
