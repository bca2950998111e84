package engine

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
)

// unsupported refuses the blocks that the loader understands and the engine does not yet.
func unsupported(m *config.Module) (ds hcl.Diagnostics) {
	refuse := func(what, hint string, at hcl.Range) {
		ds = append(ds, diag.Error(config.CodeUnsupported, "Unsupported block", fmt.Sprintf("Blocks of type %q are not supported. They are planned for a later release of meshplan. Until then %s",
			what, hint), &at))
	}
	for _, b := range m.Imports {
		refuse("import", "set on_exists = \"adopt\" on the resource.", b.DeclRange)
	}
	for _, b := range m.Removed {
		refuse("removed", "use \"meshplan state rm\", and then delete the resource block.", b.DeclRange)
	}
	return ds
}
