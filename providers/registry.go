package providers

import (
	"maps"
	"slices"
)

// Factory makes an unconfigured provider. It is cheap: no file is read and no connection is made.
type Factory func() Provider

// Registry names the providers that are compiled in. It must not change once it is in use.
type Registry map[string]Factory

// Names returns the names of the providers, sorted.
func (r Registry) Names() []string { return slices.Sorted(maps.Keys(r)) }

// ForType returns the name of the provider to which a resource type or data source belongs, by its prefix up to the
// first underscore, and whether that provider is compiled in.
func (r Registry) ForType(typeName string) (string, bool) {
	for i, c := range typeName {
		if c == '_' {
			_, ok := r[typeName[:i]]
			return typeName[:i], ok
		}
	}
	_, ok := r[typeName]
	return typeName, ok
}
