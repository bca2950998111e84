package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	tfjson "github.com/hashicorp/terraform-json"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/docs"
)

func catalog() []docs.Provider {
	return docs.Catalog(builtin(connection{dir: ".", logger: hclog.NewNullLogger()}))
}

func editorSchema(t *testing.T, c []docs.Provider) *jsonschema.Schema {
	t.Helper()
	var b bytes.Buffer
	if err := docs.Editor(&b, c, backend.Schemas()); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("meshplan.json", decode(t, b.Bytes())); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("meshplan.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEditorAcceptsExamples converts every example, and the example of every type, to JSON syntax. The schema must accept
// it, and so must the loader: otherwise the conversion would prove nothing.
func TestEditorAcceptsExamples(t *testing.T) {
	c := catalog()
	s := editorSchema(t, c)
	sources := configurations(t)
	for _, p := range c {
		for _, typ := range p.Types {
			sources[typ.Title()] = []byte(typ.Schema.Example)
		}
	}
	for name, src := range sources {
		t.Run(name, func(t *testing.T) {
			text := nativeToJSON(t, src, name)
			if err := s.Validate(decode(t, text)); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "x.mesh.hcl.json"), text, 0o600); err != nil {
				t.Fatal(err)
			}
			_, ds := config.Load(dir, config.Options{})
			for _, d := range ds {
				if diag.CodeOf(d) != config.CodeModuleSource { // the modules of an example are not beside the converted file
					t.Errorf("the loader: %v\n%s", d, text)
				}
			}
		})
	}
}

func TestEditorRefuses(t *testing.T) {
	s := editorSchema(t, catalog())
	const server = `{"namespace": "n", "name": "s", "port": 80, "access_policy": "deny"}`
	for name, tt := range map[string]struct {
		text string
		ok   bool
	}{
		"sound":                 {`{"resource": {"linkerd_server": {"s": ` + server + `}}}`, true},
		"comments":              {`{"//": "x", "resource": {"linkerd_server": {"//": "x", "s": {"//": "y", "port": 80, "namespace": "n", "name": "s", "access_policy": "deny"}}}}`, true},
		"a list of files":       {`[{"resource": {"linkerd_server": {"s": [` + server + `]}}}]`, true},
		"meta-arguments":        {`{"resource": {"linkerd_server": {"s": {"for_each": "${toset([])}", "lifecycle": {"prevent_destroy": true}, "port": 80, "namespace": "n", "name": "s", "access_policy": "deny"}}}}`, true},
		"template for a choice": {`{"resource": {"linkerd_server": {"s": {"namespace": "n", "name": "s", "port": 80, "access_policy": "${var.p}"}}}}`, true},
		"wrong choice":          {`{"resource": {"linkerd_server": {"s": {"namespace": "n", "name": "s", "port": 80, "access_policy": "denied"}}}}`, false},
		"missing argument":      {`{"resource": {"linkerd_server": {"s": {"namespace": "n", "name": "s", "port": 80}}}}`, false},
		"unknown argument":      {`{"resource": {"linkerd_server": {"s": {"nmae": "x", "namespace": "n", "name": "s", "port": 80, "access_policy": "deny"}}}}`, false},
		"computed argument":     {`{"resource": {"linkerd_server": {"s": {"uid": "x", "namespace": "n", "name": "s", "port": 80, "access_policy": "deny"}}}}`, false},
		"unknown type":          {`{"resource": {"linkerd_servr": {}}}`, false},
		"unknown block":         {`{"resorce": {}}`, false},
		"not a number":          {`{"resource": {"linkerd_injection": {"i": {"namespace": "n", "max_parallel": "two"}}}}`, false},
		"not a boolean":         {`{"output": {"o": {"value": 1, "sensitive": "yes"}}}`, false},
		"number in a template":  {`{"resource": {"linkerd_injection": {"i": {"namespace": "n", "max_parallel": "${var.n}"}}}}`, true},
		"module":                {`{"module": {"m": {"source": "./m", "anything": 1}}}`, true},
		"module without source": {`{"module": {"m": {}}}`, false},
		"backend":               {`{"meshplan": {"backend": {"kubernetes": {"namespace": "meshplan", "name": "shop"}}}}`, true},
		"unknown backend":       {`{"meshplan": {"backend": {"s3": {}}}}`, false},
		"typo in a backend":     {`{"meshplan": {"backend": {"kubernetes": {"namespce": "meshplan"}}}}`, false},
		"moved":                 {`{"moved": [{"from": "a.b", "to": "a.c"}]}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Validate(decode(t, []byte(tt.text))); (err == nil) != tt.ok {
				t.Errorf("Validate = %v, want ok = %v", err, tt.ok)
			}
		})
	}
}

func TestTerraform(t *testing.T) {
	var b bytes.Buffer
	c := catalog()
	if err := docs.Terraform(&b, c); err != nil {
		t.Fatal(err)
	}
	var got tfjson.ProviderSchemas
	if err := got.UnmarshalJSON(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, p := range c {
		s := got.Schemas[p.Name]
		for _, typ := range p.Types {
			read := s.ResourceSchemas[typ.Name]
			if typ.Data {
				read = s.DataSourceSchemas[typ.Name]
			}
			if read == nil || read.Block.Description != typ.Schema.Description {
				t.Fatalf("%s is not there, or without its description", typ.Title())
			}
			for name, a := range typ.Schema.Block.Attributes {
				r := read.Block.Attributes[name]
				if r == nil || !r.AttributeType.Equals(a.Type.WithoutOptionalAttributesDeep()) && !strings.Contains(a.Type.GoString(), "WithOptional") ||
					r.Required != a.Required || r.Optional != a.Optional || r.Computed != a.Computed || r.Sensitive != a.Sensitive {
					t.Errorf("%s.%s = %+v, want %+v", typ.Title(), name, r, a)
				}
			}
			for name := range typ.Schema.Block.Blocks {
				if read.Block.NestedBlocks[name] == nil {
					t.Errorf("%s: the block %s is not there", typ.Title(), name)
				}
			}
		}
	}
}

func TestDeterministic(t *testing.T) {
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if err := docs.Editor(w, catalog(), backend.Schemas()); err != nil {
			t.Fatal(err)
		}
		if err := docs.Terraform(w, catalog()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two outputs differ")
	}
}
