package sealed

import (
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/zclconf/go-cty/cty"
)

// hostile is a stored value that announces four thousand million elements in five bytes.
func hostile(t testing.TB, typ string) []byte {
	b, err := msgpack.Marshal(&wire{Type: []byte(typ), Value: []byte{0xdd, 0xff, 0xff, 0xff, 0xff}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLengthsAreNotTrusted(t *testing.T) {
	for _, typ := range []string{`["list","string"]`, `["tuple",["string"]]`, `["set","string"]`, `"dynamic"`} {
		if v, err := new(Decoder).Decode(hostile(t, typ)); err == nil {
			t.Errorf("%s: %#v", typ, v)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range []cty.Value{secretful("hunter2"), cty.NullVal(cty.DynamicPseudoType), cty.ListVal([]cty.Value{cty.True})} {
		b, err := Encode(Seal(v, key))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(hostile(f, `["list","string"]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := new(Decoder).Decode(b)
		if err != nil {
			return
		}
		if _, err := Encode(v); err != nil {
			t.Skip("a value that no encoder writes")
		}
	})
}
