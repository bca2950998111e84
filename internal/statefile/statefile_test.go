package statefile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/state"
)

func stored(t *testing.T, v cty.Value) []byte {
	t.Helper()
	b, err := sealed.Encode(sealed.Seal(v, []byte("key")))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	at := func(name string) addr.Instance {
		return addr.Resource{Module: `module.a["x"]`, Mode: addr.Managed, Type: "t", Name: name}.Instance(addr.StringKey("k"))
	}
	secret := cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal("n"), "list": cty.ListVal([]cty.Value{cty.NumberIntVal(1)}),
		"any": cty.TupleVal([]cty.Value{cty.True, cty.NullVal(cty.String)}), "password": cty.StringVal("planted-77").Mark(schema.Sensitive)})
	in := &state.Snapshot{
		Meta: state.Meta{Identity: state.Identity{Lineage: "l", Key: []byte("planted-key")}, Serial: 7, Clusters: map[string]string{"kubernetes": "u"}},
		Records: []*state.Record{
			{Addr: at("a"), Provider: "p", SchemaVersion: 2, Value: stored(t, secret), Private: []byte("x"), Status: state.Ready, Protected: true, CreateFirst: true, Run: 3},
			{Addr: at("b"), Provider: "p", Value: stored(t, cty.ObjectVal(map[string]cty.Value{"u": cty.UnknownVal(cty.String)})), Status: state.Incomplete, DependsOn: []addr.Instance{at("a")}},
		},
		Outputs: map[string]state.Output{"o": {Value: stored(t, cty.StringVal("planted-88").Mark(schema.Sensitive)), Sensitive: true}},
	}
	var b bytes.Buffer
	if err := Write(&b, in, false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "planted") || strings.Contains(b.String(), "fingerprint_key") {
		t.Errorf("a secret is in the file:\n%s", &b)
	}
	got, err := Read(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	in.Key = nil
	if d := cmp.Diff(in, got, cmp.Comparer(func(a, b addr.Instance) bool { return a == b })); d != "" {
		t.Errorf("round trip (-want +got):\n%s", d)
	}
	in.Key = []byte("key")
	b.Reset()
	if err := Write(&b, in, true); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(&b); err != nil || string(got.Key) != "key" {
		t.Errorf("the key is %q, %v", got.Key, err)
	}
}

func TestReadRefuses(t *testing.T) {
	const record = `{"address":"t.a","provider":"p","schema_version":0,"status":"ready","run":1,"object":{"type":"string","value":"v"}}`
	state := func(resources string) string {
		return `{"meshplan_state":1,"lineage":"l","serial":1,"resources":[` + resources + `],"outputs":[]}`
	}
	if _, err := Read(strings.NewReader(state(record))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":        "",
		"another object": `{"version":4,"terraform_version":"1"}`,
		"newer":          `{"meshplan_state":2,"lineage":"l"}`,
		"no lineage":     `{"meshplan_state":1}`,
		"twice":          state(record + "," + record),
		"no status":      state(strings.Replace(record, "ready", "x", 1)),
		"no address":     state(strings.Replace(record, "t.a", "t", 1)),
		"wrong type":     state(strings.Replace(record, `"v"`, `[1]`, 1)),
	} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
