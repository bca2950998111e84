package state

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/internal/addr"
)

var compareAddresses = cmp.Comparer(func(a, b addr.Instance) bool { return a == b })

func instances() *rapid.Generator[addr.Instance] {
	return rapid.Custom(func(t *rapid.T) addr.Instance {
		r := addr.Resource{
			Module: rapid.SampledFrom([]addr.Module{"", "module.a", `module.a["b"]`, "module.b"}).Draw(t, "module"),
			Mode:   rapid.SampledFrom([]addr.Mode{addr.Managed, addr.Data}).Draw(t, "mode"),
			Type:   rapid.StringMatching(`t[a-c_]{0,2}`).Draw(t, "type"),
			Name:   rapid.StringMatching(`[a-c][a-c-]{0,2}`).Draw(t, "name"),
		}
		i := r.Instance(rapid.OneOf(
			rapid.Just(addr.NoKey),
			rapid.Map(rapid.IntRange(0, 1<<31), addr.IntKey),
			rapid.Map(rapid.String(), addr.StringKey),
		).Draw(t, "key"))
		i.Deposed = rapid.SampledFrom([]string{"", "", "1", "2f"}).Draw(t, "deposed")
		return i
	})
}

func TestKeyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := instances().Draw(t, "a"), instances().Draw(t, "b")
		ka, err := AppendKey(nil, a)
		if err != nil {
			t.Fatal(err)
		}
		kb, err := AppendKey(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Compare(ka, kb) != addr.Compare(a, b) {
			t.Fatalf("keys of %s and %s are ordered %d, addresses %d", a, b, bytes.Compare(ka, kb), addr.Compare(a, b))
		}
		if back, err := ParseKey(string(ka)); err != nil || back != a {
			t.Fatalf("ParseKey(key of %s) = %s, %v", a, back, err)
		}
	})
}

func TestKeyRefuses(t *testing.T) {
	r := addr.Resource{Mode: addr.Managed, Type: "t", Name: "n"}
	for name, a := range map[string]addr.Instance{
		"zero":     {},
		"null":     addr.Resource{Mode: addr.Managed, Type: "t\x00", Name: "n"}.Instance(addr.NoKey),
		"no name":  addr.Resource{Mode: addr.Managed, Type: "t"}.Instance(addr.NoKey),
		"negative": r.Instance(addr.IntKey(-1)),
	} {
		if key, err := AppendKey(nil, a); err == nil {
			t.Errorf("%s: AppendKey = %q, want an error", name, key)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"", "\x00\x01t\x00n\x00\x00", "module.a\x00\x02t\x00n\x00\x02k", "\x00\x01t\x00n\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseKey(s)
		if err != nil {
			return
		}
		if back, err := AppendKey(nil, a); err != nil || string(back) != s {
			t.Errorf("ParseKey(%q) = %s, whose key is %q, %v", s, a, back, err)
		}
	})
}

func records() *rapid.Generator[Record] {
	return rapid.Custom(func(t *rapid.T) Record {
		r := Record{
			Provider:      rapid.String().Draw(t, "provider"),
			SchemaVersion: rapid.IntRange(0, 9).Draw(t, "version"),
			Value:         rapid.SliceOfN(rapid.Byte(), 1, 90).Draw(t, "value"),
			DependsOn:     rapid.SliceOfN(instances(), 0, 3).Draw(t, "dependencies"),
			Status:        rapid.SampledFrom([]Status{Ready, Incomplete}).Draw(t, "status"),
			Protected:     rapid.Bool().Draw(t, "protected"),
			Revision:      rapid.Uint64().Draw(t, "revision"),
			Run:           RunID(rapid.Uint64().Draw(t, "run")),
		}
		if len(r.DependsOn) == 0 {
			r.DependsOn = nil
		}
		return r
	})
}

func roundTrip[T Stored](t *rapid.T, in T) {
	b, err := Encode(&in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Decode[T](b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&in, out, compareAddresses); d != "" {
		t.Fatalf("round trip (-in +out):\n%s", d)
	}
	again, err := Encode(out)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("encoding is not stable: %x, then %x, %v", b, again, err)
	}
}

func TestRoundTrip(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		r, a := records().Draw(t, "record"), instances().Draw(t, "address")
		roundTrip(t, r)
		r.Addr = a
		roundTrip(t, Intent{Run: 3, Step: rapid.IntRange(0, 1<<40).Draw(t, "step"), Addr: a, Op: "update", Before: &r,
			Planned: []byte{1}, Private: []byte("p"), Provider: "kubernetes", Deps: []int{1, 2}, At: at, Irreversible: "why"})
		moved := Intent{Run: 3, Addr: instances().Draw(t, "to"), From: a, Op: "move", Before: &r, Deposes: "2f", Imports: true, At: at}
		roundTrip(t, moved)
		roundTrip(t, Outcome{Step: 7, Addr: a, Failed: true, Error: "e", After: &r, At: at})
	})
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, Outcome{Step: 1, Addr: instances().Draw(t, "address")})
		roundTrip(t, Run{ID: 9, Mode: "normal", Started: at, Holder: Holder{ID: "i", User: "u", PID: 4, Since: at}, Plan: "h",
			Result: Interrupted, Summary: Summary{Created: 1}, Reverts: []RunID{8, 7}, Outputs: map[string]Output{"b": {Value: []byte("v"), Sensitive: true}}})
		roundTrip(t, Identity{Lineage: "l", Key: []byte("k")})
	})
}

// TestStoredForm pins the stored form: a difference means that states written before cannot be read any more.
func TestStoredForm(t *testing.T) {
	dep := addr.Resource{Mode: addr.Managed, Type: "t", Name: "n"}.Instance(addr.IntKey(1))
	r := Record{Provider: "p", SchemaVersion: 2, Value: []byte("val"), Private: []byte("priv"), DependsOn: []addr.Instance{dep},
		Status: Ready, Protected: true, Revision: 300, Run: 4}
	b, err := Encode(&r)
	if err != nil {
		t.Fatal(err)
	}
	want := "\x89\xa1p\xa1p\xa2sv\x02\xa1v\xc4\x03val\xa1x\xc4\x04priv\xa1d\x91\xc4\x0f\x00\x01t\x00n\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\xa1s\x01\xa1l\xc3\xa1r\xcd\x01\x2c\xa1n\x04"
	if string(b) != want {
		t.Errorf("stored form is\n%q, want\n%q", b, want)
	}
	o := Outcome{Step: 1, Addr: dep, After: &Record{Provider: "p"}}
	want = "\x92\xc4\x0f\x00\x01t\x00n\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x83\xa4step\x01\xa5after\x83\xa1p\xa1p\xa1v\xc0\xa1s\x00" +
		"\xa2at\xc7\x0c\xff\x00\x00\x00\x00\xff\xff\xff\xf1\x88n\x09\x00"
	if b, err = Encode(&o); err != nil || string(b) != want {
		t.Errorf("stored form is\n%q, %v, want\n%q", b, err, want)
	}
}

func TestDecodeSkipsUnknownFields(t *testing.T) {
	b, err := msgpack.Marshal(map[string]any{"p": "kubernetes", "new": []int{1, 2}, "s": 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Decode[Record](b)
	if err != nil || r.Provider != "kubernetes" || r.Status != Ready {
		t.Errorf("Decode = %+v, %v", r, err)
	}
}

func FuzzDecode(f *testing.F) {
	r := Record{Provider: "p", Value: []byte("v"), DependsOn: []addr.Instance{addr.Resource{Mode: addr.Managed, Type: "t", Name: "n"}.Instance(addr.NoKey)}}
	for _, seed := range [][]byte{must(Encode(&r)), must(Encode(&Intent{Addr: r.DependsOn[0], Before: &r})), must(Encode(&Run{ID: 1}))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Decode[Record](b); err == nil && slices.ContainsFunc(r.DependsOn, addr.Instance.IsZero) {
			t.Errorf("Decode(%q) gives a dependency without an address", b)
		}
		_, _ = Decode[Intent](b)
		_, _ = Decode[Run](b)
	})
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func BenchmarkDecodeRecord(b *testing.B) {
	r := Record{Provider: "kubernetes", Value: make([]byte, 600), Private: make([]byte, 60), Status: Ready, Revision: 7, Run: 3,
		DependsOn: []addr.Instance{addr.Resource{Mode: addr.Managed, Type: "kubernetes_namespace", Name: "shop"}.Instance(addr.NoKey),
			addr.Resource{Mode: addr.Managed, Type: "kubernetes_manifest", Name: "cm"}.Instance(addr.StringKey("web-123"))}}
	raw := must(Encode(&r))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode[Record](raw); err != nil {
			b.Fatal(err)
		}
	}
}
