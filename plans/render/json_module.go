package render

import (
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
)

// jsonModule holds the resources of one module instance and the modules within it.
type jsonModule struct {
	Address   string         `json:"address,omitempty"` // empty for the root
	Resources []jsonResource `json:"resources,omitempty"`
	Children  []*jsonModule  `json:"child_modules,omitempty"`

	byAddress map[addr.Module]*jsonModule // of the root only
}

// add appends a resource to the module of its address; m is the root. The result is valid until the next call.
func (m *jsonModule) add(c *plans.Change, n *node) *jsonResource {
	values, _ := n.json().(map[string]any)
	in := m.module(c.Addr.Module)
	in.Resources = append(in.Resources, jsonResource{jsonAddress: addressOf(c.Addr), ProviderName: c.Provider, Values: values, SensitiveValues: orEmpty(n.flags(secret))})
	return &in.Resources[len(in.Resources)-1]
}

// module returns the module with an address, made on first use together with those around it.
func (m *jsonModule) module(path addr.Module) *jsonModule {
	if path == "" {
		return m
	}
	if got := m.byAddress[path]; got != nil {
		return got
	}
	steps, err := path.Steps()
	if err != nil || len(steps) == 0 {
		return m
	}
	var outer addr.Module
	for _, s := range steps[:len(steps)-1] {
		outer = outer.Child(s.Name, s.Key)
	}
	got := &jsonModule{Address: string(path)}
	in := m.module(outer)
	in.Children = append(in.Children, got)
	if m.byAddress == nil {
		m.byAddress = map[addr.Module]*jsonModule{}
	}
	m.byAddress[path] = got
	return got
}
