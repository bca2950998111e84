package state

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/meshplan/meshplan/internal/addr"
)

// Why not the text form: reading it back means parsing HCL, which takes longer than everything else that loading a
// record needs, and its byte order is not the order of addresses.
//
//	module \0 mode type \0 name \0 [3 deposed \0] kind [index as 8 bytes, or key]

// The kinds of instance keys, in the order of addr.CompareKey, and what comes in front of them for a former object.
const (
	keyNone    = 0
	keyInt     = 1
	keyString  = 2
	keyDeposed = 3
)

// AppendKey appends the storage key of an instance to b. The byte order of keys is the order of addr.Compare. The error
// says which part of the address cannot be stored.
func AppendKey(b []byte, a addr.Instance) ([]byte, error) {
	if a.Mode != addr.Managed && a.Mode != addr.Data || a.Type == "" || a.Name == "" {
		return nil, fmt.Errorf("address %q is incomplete", a)
	}
	if strings.ContainsRune(string(a.Module), 0) || strings.ContainsRune(a.Type, 0) || strings.ContainsRune(a.Name, 0) || strings.ContainsRune(a.Deposed, 0) {
		return nil, fmt.Errorf("address %q holds a null character", a)
	}
	b = append(append(b, a.Module...), 0, byte(a.Mode))
	b = append(append(b, a.Type...), 0)
	b = append(append(b, a.Name...), 0)
	if a.Deposed != "" {
		b = append(append(append(b, keyDeposed), a.Deposed...), 0)
	}
	if n, ok := a.Key.Int(); ok {
		if n < 0 {
			return nil, fmt.Errorf("address %q has a negative index", a)
		}
		return binary.BigEndian.AppendUint64(append(b, keyInt), uint64(n)), nil
	}
	if s, ok := a.Key.Str(); ok {
		return append(append(b, keyString), s...), nil
	}
	return append(b, keyNone), nil
}

// ParseKey reads what AppendKey wrote. The address shares memory with key.
func ParseKey(key string) (addr.Instance, error) {
	var a addr.Instance
	module, rest, ok1 := strings.Cut(key, "\x00")
	if rest == "" {
		return a, fmt.Errorf("%q is not an address", key)
	}
	mode := addr.Mode(rest[0])
	typ, rest, ok2 := strings.Cut(rest[1:], "\x00")
	name, rest, ok3 := strings.Cut(rest, "\x00")
	if !ok1 || !ok2 || !ok3 || rest == "" || mode != addr.Managed && mode != addr.Data || typ == "" || name == "" {
		return a, fmt.Errorf("%q is not an address", key)
	}
	a.Resource = addr.Resource{Module: addr.Module(module), Mode: mode, Type: typ, Name: name}
	if rest[0] == keyDeposed {
		var ok bool
		if a.Deposed, rest, ok = strings.Cut(rest[1:], "\x00"); !ok || rest == "" || a.Deposed == "" {
			return a, fmt.Errorf("%q is not an address", key)
		}
	}
	kind, rest := rest[0], rest[1:]
	switch {
	case kind == keyNone && rest == "":
	case kind == keyString:
		a.Key = addr.StringKey(rest)
	case kind == keyInt && len(rest) == 8:
		n := binary.BigEndian.Uint64([]byte(rest))
		if n > 1<<31 {
			return a, fmt.Errorf("%q has an index out of range", key)
		}
		a.Key = addr.IntKey(int(n))
	default:
		return a, fmt.Errorf("%q is not an address", key)
	}
	return a, nil
}
