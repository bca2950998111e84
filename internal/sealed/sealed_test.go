package sealed

import (
	"bytes"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

var key = []byte("key")

func secretful(password string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"name":     cty.StringVal("a"),
		"password": cty.StringVal(password).Mark(schema.Sensitive),
		"token":    cty.StringVal("tok").Mark(schema.Ephemeral),
		"later":    cty.UnknownVal(cty.String),
		"data":     cty.MapVal(map[string]cty.Value{"k": cty.StringVal("deep-" + password).Mark(schema.Sensitive), "l": cty.StringVal("x")}),
		"list":     cty.TupleVal([]cty.Value{cty.NumberIntVal(1), cty.StringVal("in-" + password).Mark(schema.Sensitive)}),
	})
}

func TestSealTakesSecretsOut(t *testing.T) {
	s := Seal(secretful("hunter2"), key)
	b, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "tok\""} {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%q is in the stored form", secret)
		}
	}
	var d Decoder
	got, err := d.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Plain.RawEquals(s.Plain) || len(got.Secrets) != 4 {
		t.Errorf("round trip: %#v", got)
	}
	if s.Same(got) {
		t.Error("a value with an ephemeral part equals nothing")
	}
}

func TestEncoderRemembersTypes(t *testing.T) {
	var e Encoder
	var d Decoder
	for i := range 3 * remembered {
		attrs := map[string]cty.Value{"x": cty.NumberIntVal(int64(i))}
		if i%2 == 0 {
			attrs[string(rune('a'+i))] = cty.True
		}
		v := Value{Plain: cty.ObjectVal(attrs)}
		b, err := e.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Decode(b); err != nil || !got.Plain.RawEquals(v.Plain) {
			t.Errorf("round trip %d: %#v, %v", i, got.Plain, err)
		}
	}
	if len(e.recent) > remembered {
		t.Errorf("%d types are remembered", len(e.recent))
	}
}

func TestReveal(t *testing.T) {
	s := Seal(secretful("hunter2"), key)
	v, missing := s.Reveal(secretful("hunter2"), key)
	if len(missing) != 1 || !v.GetAttr("password").RawEquals(cty.StringVal("hunter2").Mark(schema.Sensitive)) || !schema.IsSensitive(v.GetAttr("list")) {
		t.Errorf("Reveal = %#v, missing %v", v, missing)
	}
	v, missing = s.Reveal(secretful("other"), key)
	if len(missing) != 4 || !v.GetAttr("password").IsNull() {
		t.Errorf("Reveal of another secret = %#v, missing %v", v, missing)
	}
}

func TestSame(t *testing.T) {
	secret := func(s string) Value {
		return Seal(cty.ObjectVal(map[string]cty.Value{"p": cty.StringVal(s).Mark(schema.Sensitive)}), key)
	}
	if !secret("a").Same(secret("a")) || secret("a").Same(secret("b")) || secret("a").Same(Value{}) || !(Value{}).Same(Value{}) {
		t.Error("Same must compare secrets by fingerprint")
	}
}

func TestWholeValueSensitive(t *testing.T) {
	s := Seal(cty.StringVal("x").Mark(schema.Sensitive), key)
	if !s.Plain.IsNull() || len(s.Secrets) != 1 || len(s.Secrets[0].Path) != 0 {
		t.Errorf("Seal = %#v", s)
	}
	if other := Seal(cty.StringVal("y").Mark(schema.Sensitive), key); s.Same(other) || !s.Same(s) || s.IsNull() {
		t.Error("a wholly secret value must be compared by its fingerprint")
	}
}
