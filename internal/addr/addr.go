// Package addr names the things of a configuration: resources, their instances and the modules around them.
//
// The central idea: an address is a small comparable struct, so it is a map key as it stands, and its text form is the
// HCL traversal that a person would write to refer to it (`module.east["a"].linkerd_server.http["web"]`). Parse and
// String are inverses of each other.
package addr

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Mode tells a managed resource from a data source. The zero value is invalid.
type Mode uint8

// The modes of a resource.
const (
	Managed Mode = iota + 1 // a `resource` block
	Data                    // a `data` block
)

// Module is the path of a module instance in its text form, for instance `module.east["a"].module.db`. The root module
// is the empty string.
type Module string

// Resource is the address of one resource or data block, before count and for_each. The zero value is invalid.
type Resource struct {
	Module Module
	Mode   Mode
	Type   string
	Name   string
}

// Instance is the address of one instance of a resource. Key is NoKey for a resource without count and for_each.
type Instance struct {
	Resource
	Key Key
	// Deposed tells former objects of the instance apart: those which a newer object has replaced and which are still
	// to be deleted. It is empty for the present object, which alone can be referred to.
	Deposed string
}

// Current returns the address of the instance's present object.
func (i Instance) Current() Instance {
	i.Deposed = ""
	return i
}

// Key tells the instances of one resource apart. It is comparable; the zero value is NoKey.
type Key struct {
	kind keyKind
	num  int
	str  string
}

type keyKind uint8

const (
	keyNone keyKind = iota
	keyInt
	keyString
)

// NoKey is the key of the only instance of a resource without count and for_each.
var NoKey = Key{}

// IntKey is the key of an instance made by count.
func IntKey(n int) Key { return Key{kind: keyInt, num: n} }

// StringKey is the key of an instance made by for_each.
func StringKey(s string) Key { return Key{kind: keyString, str: s} }

// Int returns the index of an instance made by count.
func (k Key) Int() (n int, ok bool) { return k.num, k.kind == keyInt }

// Str returns the key of an instance made by for_each.
func (k Key) Str() (s string, ok bool) { return k.str, k.kind == keyString }

// String returns the index step as HCL writes it (`[0]`, `["web"]`), or nothing for NoKey.
func (k Key) String() string {
	switch k.kind {
	case keyInt:
		return "[" + strconv.Itoa(k.num) + "]"
	case keyString:
		return "[" + quote(k.str) + "]"
	default:
		return ""
	}
}

// Instance returns the address of one instance of r.
func (r Resource) Instance(k Key) Instance { return Instance{Resource: r, Key: k} }

// String returns the address as HCL refers to it.
func (r Resource) String() string {
	var b strings.Builder
	if r.Module != "" {
		b.WriteString(string(r.Module))
		b.WriteByte('.')
	}
	if r.Mode == Data {
		b.WriteString("data.")
	}
	b.WriteString(r.Type)
	b.WriteByte('.')
	b.WriteString(r.Name)
	return b.String()
}

// String returns the address as HCL refers to it. That of a former object, to which nothing can refer, goes on with
// ` (deposed ID)`.
func (i Instance) String() string {
	if i.Deposed != "" {
		return i.Resource.String() + i.Key.String() + deposedMark + i.Deposed + ")"
	}
	return i.Resource.String() + i.Key.String()
}

const deposedMark = " (deposed "

// IsZero reports whether i is the zero value, which names nothing.
func (i Instance) IsZero() bool { return i.Mode == 0 }

// CompareResource orders addresses by module, then managed before data, type and name.
func CompareResource(a, b Resource) int {
	return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
}

// Compare orders instances by resource, then NoKey, numbers in numeric order and strings in byte order, and the
// former objects of a resource behind all present ones.
func Compare(a, b Instance) int {
	return cmp.Or(CompareResource(a.Resource, b.Resource), cmp.Compare(a.Deposed, b.Deposed), CompareKey(a.Key, b.Key))
}

// CompareKey orders NoKey before numbers before strings.
func CompareKey(a, b Key) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.num, b.num), cmp.Compare(a.str, b.str))
}

// MarshalText writes the text form, so that addresses are readable in every stored format.
func (i Instance) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the text form.
func (i *Instance) UnmarshalText(b []byte) error {
	p, err := Parse(string(b))
	if err != nil {
		return err
	}
	*i = p
	return nil
}

// MarshalText writes the text form.
func (r Resource) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the text form, which may not have an instance key.
func (r *Resource) UnmarshalText(b []byte) error {
	p, err := Parse(string(b))
	if err != nil {
		return err
	}
	if p.Key != NoKey {
		return fmt.Errorf("address %q names an instance, not a resource", b)
	}
	*r = p.Resource
	return nil
}
