package lang

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
)

// RefKind says what sort of thing a reference names. The zero value is invalid.
type RefKind uint8

// The kinds of references.
const (
	RefVar      RefKind = iota + 1 // var.NAME
	RefLocal                       // local.NAME
	RefResource                    // TYPE.NAME; also any other two names: the engine knows which types exist
	RefData                        // data.TYPE.NAME
	RefModule                      // module.NAME
	RefEach                        // each.key, each.value
	RefCount                       // count.index
	RefPath                        // path.module, path.root, path.cwd
	RefSelf                        // self
	RefMeshplan                    // meshplan.NAME: facts about the run
)

// KeyExpr says how a reference to a resource or a module chooses among its instances. The zero value means that there
// is no index: the reference names the whole resource.
type KeyExpr uint8

// The ways to choose an instance.
const (
	KeyNone       KeyExpr = iota // b
	KeyStatic                    // b["x"], b[0]: Reference.Key holds the key
	KeyEachKey                   // b[each.key]
	KeyEachValue                 // b[each.value]
	KeyCountIndex                // b[count.index]
	KeyDynamic                   // b[any other expression]: Reference.Index holds it; any instance may be meant
)

// Reference is one mention of a named thing in an expression.
type Reference struct {
	Kind RefKind
	// Name is the part after the first dot for those kinds that have one: a variable, a local, a module, `key`, `index`.
	Name string
	// Resource is set for RefResource and RefData; its module is the one that holds the expression.
	Resource addr.Resource
	// Key is the chosen instance when KeyExpr is KeyStatic.
	Key     addr.Key
	KeyExpr KeyExpr
	// Index is the expression in the brackets for every KeyExpr but KeyNone and KeyStatic. What it refers to itself
	// is reported as references of its own.
	Index hcl.Expression
	// Traversal is the whole absolute traversal as far as it is static: up to a dynamic index, which it does not
	// include.
	Traversal hcl.Traversal
	// Remaining are the static steps that follow the name and the instance (`.metadata[0].name`). It is empty, not
	// shorter than written, when the rest is dynamic.
	Remaining hcl.Traversal
	// Range covers what was written, from the first name to the last step of Remaining.
	Range hcl.Range
}
