// Package docs turns the declarations of types into what people and tools read: pages for a terminal, Markdown pages,
// Terraform's JSON of provider schemas, and one JSON Schema for editors.
//
// The central idea: an attribute is declared once, in the schema of its type, and nothing here repeats a name of it. The
// few blocks that belong to the language itself (variable, output, lifecycle and so on) are declared in this package, as
// schemas as well, and a test compares them with what the loader of configuration accepts.
//
// Everything is pure and deterministic: a catalog goes in, bytes come out, and no provider is configured for it.
package docs

import (
	"maps"
	"slices"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// Provider is what a provider declares.
type Provider struct {
	Name   string
	Config *schema.Block
	// Types are its resource types and data sources, the resource types first, each kind by name.
	Types []Type
}

// Type is a resource type or a data source.
type Type struct {
	Name   string
	Data   bool // a data source
	Schema *schema.Resource
}

// Title is how people write the type: `kubernetes_object`, or `data kubernetes_object` for a data source.
func (t Type) Title() string {
	if t.Data {
		return "data " + t.Name
	}
	return t.Name
}

// Keyword is the block of configuration that declares one: resource or data.
func (t Type) Keyword() string {
	if t.Data {
		return "data"
	}
	return "resource"
}

// Catalog returns what the providers of a registry declare, by name. It makes each provider once and configures none.
func Catalog(r providers.Registry) []Provider {
	var out []Provider
	for _, name := range r.Names() {
		p := r[name]()
		c := Provider{Name: name, Config: p.Schema()}
		resources, sources := p.ResourceTypes(), p.DataSources()
		for _, n := range slices.Sorted(maps.Keys(resources)) {
			c.Types = append(c.Types, Type{Name: n, Schema: resources[n].Schema()})
		}
		for _, n := range slices.Sorted(maps.Keys(sources)) {
			c.Types = append(c.Types, Type{Name: n, Data: true, Schema: sources[n].Schema()})
		}
		out = append(out, c)
	}
	return out
}

// Find returns the types of a name: a resource type, a data source, or both.
func Find(catalog []Provider, name string) (out []Type) {
	for _, p := range catalog {
		for _, t := range p.Types {
			if t.Name == name {
				out = append(out, t)
			}
		}
	}
	return out
}

// Only returns the catalog with the types of one name.
func Only(catalog []Provider, name string) (out []Provider) {
	for _, p := range catalog {
		p.Types = slices.DeleteFunc(slices.Clone(p.Types), func(t Type) bool { return t.Name != name })
		if len(p.Types) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// Names returns the names of all types, sorted, each once.
func Names(catalog []Provider) []string {
	var out []string
	for _, p := range catalog {
		for _, t := range p.Types {
			out = append(out, t.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
