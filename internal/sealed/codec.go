package sealed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	ctymsgpack "github.com/zclconf/go-cty/cty/msgpack"
)

// types caches parsed types by their JSON: most records of a state share a few.
type typeCache struct{ m sync.Map }

func (c *typeCache) parse(raw []byte) (cty.Type, error) {
	if t, ok := c.m.Load(string(raw)); ok {
		return t.(cty.Type), nil
	}
	t, err := ctyjson.UnmarshalType(raw)
	if err != nil {
		return cty.NilType, err
	}
	c.m.Store(string(raw), t)
	return t, nil
}

// wire is the stored form.
type wire struct {
	Type    []byte   `msgpack:"t"`
	Value   []byte   `msgpack:"v"`
	Secrets []secret `msgpack:"s,omitempty"`
}

type secret struct {
	Path []byte `msgpack:"p"`
	Sum  []byte `msgpack:"h,omitempty"`
}

// Encode returns the stored form: the type as JSON, the value as MessagePack (unknowns included), and the fingerprints.
func Encode(v Value) ([]byte, error) { return new(Encoder).Encode(v) }

// Encoder encodes values, and remembers the last few types: writing one down costs more than the value, and most values
// of a run share a few. The zero value is ready; it is safe for concurrent use.
type Encoder struct {
	mu     sync.Mutex // guards recent
	recent []encodedType
}

type encodedType struct {
	ty  cty.Type
	raw []byte
}

// remembered is how many types an Encoder keeps.
const remembered = 8

// typeOf returns a type as JSON.
func (e *Encoder) typeOf(ty cty.Type) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, t := range e.recent {
		if t.ty.Equals(ty) {
			e.recent[0], e.recent[i] = t, e.recent[0]
			return t.raw, nil
		}
	}
	raw, err := ctyjson.MarshalType(ty)
	if err != nil {
		return nil, fmt.Errorf("encoding a value's type: %w", err)
	}
	if len(e.recent) == remembered {
		e.recent = e.recent[:remembered-1]
	}
	e.recent = append([]encodedType{{ty, raw}}, e.recent...)
	return raw, nil
}

// Encode is the function Encode.
func (e *Encoder) Encode(v Value) ([]byte, error) {
	if v.Plain == cty.NilVal {
		v.Plain = cty.NullVal(cty.DynamicPseudoType)
	}
	ty := v.Plain.Type()
	t, err := e.typeOf(ty)
	if err != nil {
		return nil, err
	}
	b, err := ctymsgpack.Marshal(v.Plain, ty)
	if err != nil {
		return nil, fmt.Errorf("encoding a value: %w", err)
	}
	w := wire{Type: t, Value: b}
	for _, s := range v.Secrets {
		p, err := encodePath(s.Path)
		if err != nil {
			return nil, err
		}
		w.Secrets = append(w.Secrets, secret{p, s.Sum})
	}
	return msgpack.Marshal(&w)
}

// Decoder decodes stored values and shares what they have in common. The zero value is ready; it is safe for
// concurrent use.
type Decoder struct{ types typeCache }

// Decode reads what Encode wrote. Whatever the input is, it takes memory in proportion to it and does not panic.
func (d *Decoder) Decode(b []byte) (out Value, err error) {
	defer func() {
		if r := recover(); r != nil { // cty panics on values that no encoder writes, such as lists of mixed types
			out, err = Value{}, fmt.Errorf("decoding a value: %v", r)
		}
	}()
	var w wire
	if err := msgpack.Unmarshal(b, &w); err != nil {
		return Value{}, fmt.Errorf("decoding a value: %w", err)
	}
	ty, err := d.types.parse(w.Type)
	if err != nil {
		return Value{}, fmt.Errorf("decoding a value's type: %w", err)
	}
	if err := checkLengths(w.Value); err != nil {
		return Value{}, err
	}
	v, err := ctymsgpack.Unmarshal(w.Value, ty)
	if err != nil {
		return Value{}, fmt.Errorf("decoding a value: %w", err)
	}
	out = Value{Plain: v}
	for _, s := range w.Secrets {
		p, err := decodePath(s.Path)
		if err != nil {
			return Value{}, err
		}
		out.Secrets = append(out.Secrets, Secret{p, s.Sum})
	}
	return out, nil
}

// encodePath writes a path as a JSON array: {"attr": name}, a string key or a number.
func encodePath(p cty.Path) ([]byte, error) {
	steps := make([]any, len(p))
	for i, s := range p {
		switch s := s.(type) {
		case cty.GetAttrStep:
			steps[i] = map[string]string{"attr": s.Name}
		case cty.IndexStep:
			switch {
			case s.Key.Type() == cty.String:
				steps[i] = s.Key.AsString()
			case s.Key.Type() == cty.Number:
				n, _ := s.Key.AsBigFloat().Int64()
				steps[i] = n
			default:
				return nil, fmt.Errorf("a secret lies inside a set, which has no stable path")
			}
		}
	}
	return json.Marshal(steps)
}

func decodePath(b []byte) (cty.Path, error) {
	var steps []json.RawMessage
	if err := json.Unmarshal(b, &steps); err != nil {
		return nil, fmt.Errorf("decoding a path: %w", err)
	}
	var p cty.Path
	for _, s := range steps {
		switch {
		case bytes.HasPrefix(s, []byte("{")):
			var a struct{ Attr string }
			if err := json.Unmarshal(s, &a); err != nil {
				return nil, fmt.Errorf("decoding a path: %w", err)
			}
			p = p.GetAttr(a.Attr)
		case bytes.HasPrefix(s, []byte(`"`)):
			var k string
			if err := json.Unmarshal(s, &k); err != nil {
				return nil, fmt.Errorf("decoding a path: %w", err)
			}
			p = p.IndexString(k)
		default:
			var n int
			if err := json.Unmarshal(s, &n); err != nil {
				return nil, fmt.Errorf("decoding a path: %w", err)
			}
			p = p.IndexInt(n)
		}
	}
	return p, nil
}
