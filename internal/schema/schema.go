// Package schema declares what a block of configuration may hold: one declaration gives the decoder, the references that
// make dependency edges, defaults, validation, documentation, sensitivity and replace rules.
//
// The central idea: a type's attributes are stated once, as data, and everything else is derived. The decoder is hcldec;
// this package adds what hcldec does not know (computed, sensitive, replace-on-change, prose).
package schema

import (
	"sync"

	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/zclconf/go-cty/cty"
)

// Resource is the schema of a resource type or a data source.
type Resource struct {
	// Version counts incompatible changes of the recorded value; a provider upgrades older records.
	Version int
	// Summary is one line for lists and completion; Description is prose in Markdown.
	Summary, Description string
	// Example is a complete, working block of configuration; documentation shows it and a test validates it.
	Example string
	// Import says what id an import block takes, in Markdown that goes on from "The id is"; empty for a type whose
	// objects cannot be imported.
	Import string
	// NoImport says, in sentences, why objects of a type cannot be imported and what to do instead; empty where that is
	// plain, and for types that can be.
	NoImport string
	Block    Block
	// Inverts turns the edge of a reference around: an attribute that names the object which this resource guards makes
	// the object's resource depend on this one (a Server that denies comes after the policies that let clients in).
	Inverts []Inversion
	// Validate checks what no single attribute can; it gets the decoded, unmarked configuration, which may hold
	// unknowns.
	Validate func(config cty.Value) []Problem
	// Coexist says why two objects with these values can never exist at the same time, or "" when they can: it is what
	// create_before_destroy needs. Usually the reason is that both have one name, and then they are one object. Values
	// are unmarked and may hold unknowns; what is not known yet is in nobody's way. Nil means that no two objects of one
	// instance can coexist.
	Coexist func(before, after cty.Value) string
	// Critical says that others stand on these objects, so that taking one away is confirmed by more than a word; nil for
	// types on which nothing stands.
	Critical *Critical
}

// Inversion says that references in Attribute to resources of type Type are inverted edges.
type Inversion struct{ Attribute, Type string }

// Problem is a finding about one attribute of a configuration.
type Problem struct {
	Path            cty.Path
	Summary, Detail string
	Warning         bool
}

// Block is the content of a block. The zero value is an empty block. It must not change after its first use.
type Block struct {
	Attributes map[string]*Attribute
	Blocks     map[string]*NestedBlock

	once    sync.Once
	spec    hcldec.ObjectSpec
	typ     cty.Type
	names   []string // of all attributes and blocks, sorted
	secrets []string // sensitive attributes, and nested blocks that hold some
}

// Attribute declares one attribute. Exactly one of Required, Optional and Computed is set, or Optional and Computed
// together for a value that the provider chooses when the configuration does not.
type Attribute struct {
	Type        cty.Type // may have optional object attributes, or be cty.DynamicPseudoType
	Description string
	Required    bool
	Optional    bool
	Computed    bool
	// NeverNull promises that a computed value is not null once it is known, so that conditions such as `x.uid != null` can
	// be decided while planning.
	NeverNull bool
	// Sensitive values are shown, stored and compared as fingerprints only.
	Sensitive bool
	// Replace says that a change of the value needs a new object.
	Replace bool
	// Default stands in for an absent or null value of an optional attribute. The zero value means none.
	Default cty.Value
	// OneOf lists the only values that a string (or the elements of a collection of strings) may have.
	OneOf []string
	// Keys lists what the keys of a map are mostly called, for editors. It forbids no others.
	Keys []string
	// Validate checks a known, non-null, unmarked value; its error text becomes the detail of the diagnostic.
	Validate func(cty.Value) error
	// Deprecated says what to use instead; empty means that the attribute is not deprecated.
	Deprecated string
}

// Nesting says how often a nested block may appear and what shape its value has. The zero value is invalid.
type Nesting uint8

// The nestings of blocks.
const (
	Single Nesting = iota + 1 // at most one: an object, null when absent
	List                      // in order: a list of objects (a tuple when the block holds dynamic types)
	Map                       // labelled: a map of objects by label
)

// NestedBlock declares a block inside a block.
type NestedBlock struct {
	Nesting     Nesting
	Block       Block
	Description string
	Required    bool   // at least one
	Max         int    // 0 means no limit; List only
	Label       string // what the label of a Map block names
}

// Names returns the names of attributes and nested blocks, sorted.
// The caller must not change the slice, which is made once.
func (b *Block) Names() []string {
	b.prepare()
	return b.names
}

// Type returns the object type of the block's value. Concurrent use is safe.
func (b *Block) Type() cty.Type {
	b.prepare()
	return b.typ
}

// Settable reports whether configuration may set the attribute.
func (a *Attribute) Settable() bool { return a.Required || a.Optional }

// Null returns the null object of the block's type.
func (b *Block) Null() cty.Value { return cty.NullVal(b.Type()) }
