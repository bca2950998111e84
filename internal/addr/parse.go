package addr

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Parse reads the address of one instance. An address without a key is the instance with NoKey. The error says which
// part of s cannot be understood.
func Parse(s string) (Instance, error) {
	if before, id, ok := strings.Cut(s, deposedMark); ok {
		id, closed := strings.CutSuffix(id, ")")
		if !closed || !isDeposed(id) {
			return Instance{}, fmt.Errorf("%q is not a resource address: what follows \"deposed\" is not the name of a former object", s)
		}
		inst, err := Parse(before)
		inst.Deposed = id
		return inst, err
	}
	trav, diags := hclsyntax.ParseTraversalAbs([]byte(s), "", hcl.InitialPos)
	if diags.HasErrors() {
		return Instance{}, fmt.Errorf("%q is not a resource address: %s", s, diags[0].Detail)
	}
	inst, rest, err := FromTraversal(trav)
	if err != nil {
		return Instance{}, fmt.Errorf("%q is not a resource address: %w", s, err)
	}
	if len(rest) > 0 {
		return Instance{}, fmt.Errorf("%q is not a resource address: it goes on behind %s", s, inst)
	}
	return inst, nil
}

// isDeposed reports whether s names a former object: hexadecimal digits only.
func isDeposed(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}

// FromTraversal reads the address at the start of an absolute traversal and returns the steps that follow it.
func FromTraversal(t hcl.Traversal) (Instance, hcl.Traversal, error) {
	var inst Instance
	var module strings.Builder
	i := 0
	name := func() (string, bool) {
		if i >= len(t) {
			return "", false
		}
		switch s := t[i].(type) {
		case hcl.TraverseRoot:
			i++
			return s.Name, true
		case hcl.TraverseAttr:
			i++
			return s.Name, true
		}
		return "", false
	}
	key := func() (Key, error) {
		if i >= len(t) {
			return NoKey, nil
		}
		s, ok := t[i].(hcl.TraverseIndex)
		if !ok {
			return NoKey, nil
		}
		k, err := KeyFromValue(s.Key)
		if err == nil {
			i++
		}
		return k, err
	}
	first, _ := name()
	for first == "module" {
		n, ok := name()
		if !ok {
			return inst, nil, fmt.Errorf("a module name must follow \"module.\"")
		}
		k, err := key()
		if err != nil {
			return inst, nil, err
		}
		if module.Len() > 0 {
			module.WriteByte('.')
		}
		module.WriteString("module." + n + k.String())
		if first, ok = name(); !ok {
			return inst, nil, fmt.Errorf("a resource type must follow the module")
		}
	}
	inst.Module, inst.Mode, inst.Type = Module(module.String()), Managed, first
	if first == "data" {
		inst.Mode = Data
		var ok bool
		if inst.Type, ok = name(); !ok {
			return inst, nil, fmt.Errorf("a data source type and a name must follow \"data.\"")
		}
	}
	var ok bool
	if inst.Name, ok = name(); !ok {
		return inst, nil, fmt.Errorf("a resource name must follow the type %q", inst.Type)
	}
	k, err := key()
	if err != nil {
		return inst, nil, err
	}
	inst.Key = k
	return inst, t[i:], nil
}

// KeyFromValue turns the value of an index step into a key: a whole number or a string.
func KeyFromValue(v cty.Value) (Key, error) {
	if v.IsMarked() || !v.IsKnown() || v.IsNull() {
		return NoKey, fmt.Errorf("an instance key must be a known number or string")
	}
	switch v.Type() {
	case cty.String:
		return StringKey(v.AsString()), nil
	case cty.Number:
		n, acc := v.AsBigFloat().Int64()
		if acc != 0 || n < 0 || n > 1<<31 {
			return NoKey, fmt.Errorf("an instance index must be a whole number that is not negative")
		}
		return IntKey(int(n)), nil
	}
	return NoKey, fmt.Errorf("an instance key must be a number or a string, not %s", v.Type().FriendlyName())
}

// Value returns the key as `each.key` or `count.index` gives it, or null for NoKey.
func (k Key) Value() cty.Value {
	switch k.kind {
	case keyInt:
		return cty.NumberIntVal(int64(k.num))
	case keyString:
		return cty.StringVal(k.str)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// quote writes s as an HCL string literal, with template sequences escaped.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
