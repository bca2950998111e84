package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// unknownProviders finds provider blocks for which there is no provider, also those that nothing uses.
func (w *world) unknownProviders(m *module) (ds hcl.Diagnostics) {
	names := w.engine.registry.Names()
	for _, p := range m.cfg.SortedProviders() {
		if w.engine.registry[p.Name] == nil {
			ds = append(ds, diag.Error(config.CodeUnknownProvider, "Unknown provider", fmt.Sprintf("There is no provider %q. Compiled in are: %s.%s",
				p.Name, strings.Join(names, ", "), diag.Suggest(p.Name, names)), p.DeclRange.Ptr()))
		}
	}
	return ds
}

// ignoredPaths finds paths of ignore_changes that start with no attribute of the type: they would silently do nothing.
func ignoredPaths(c *config.Resource, s *schema.Block) (ds hcl.Diagnostics) {
	for _, t := range c.Lifecycle.IgnoreChanges {
		name := ""
		switch first := t[0].(type) {
		case hcl.TraverseAttr:
			name = first.Name
		case hcl.TraverseRoot:
			name = first.Name
		}
		if s.Attributes[name] != nil || s.Blocks[name] != nil {
			continue
		}
		names := slices.Concat(slices.Collect(maps.Keys(s.Attributes)), slices.Collect(maps.Keys(s.Blocks)))
		at := t.SourceRange()
		ds = append(ds, diag.Error(config.CodeInvalidArgument, "Invalid ignore_changes", fmt.Sprintf("Resources of type %s have no attribute %q, so there is nothing to ignore.%s", c.Addr.Type, name,
			diag.Suggest(name, names)), &at))
	}
	return ds
}
