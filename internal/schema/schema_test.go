package schema

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
)

func sample() *Block {
	return &Block{
		Attributes: map[string]*Attribute{
			"name":     {Type: cty.String, Required: true, Replace: true},
			"mode":     {Type: cty.String, Optional: true, Default: cty.StringVal("audit"), OneOf: []string{"audit", "deny"}},
			"password": {Type: cty.String, Optional: true, Sensitive: true},
			"uid":      {Type: cty.String, Computed: true},
			"port":     {Type: cty.Number, Optional: true, Computed: true},
			"labels":   {Type: cty.Map(cty.String), Optional: true},
		},
		Blocks: map[string]*NestedBlock{
			"wait": {Nesting: List, Block: Block{Attributes: map[string]*Attribute{"field": {Type: cty.String, Required: true}}}},
		},
	}
}

func body(t *testing.T, src string) hcl.Body {
	t.Helper()
	f, ds := hclsyntax.ParseConfig([]byte(src), "t.mesh.hcl", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	return f.Body
}

func TestDecode(t *testing.T) {
	b := sample()
	v, ds := b.Decode(body(t, "name = \"a\"\npassword = \"p\"\ndynamic \"wait\" {\n for_each = [\"x\", \"y\"]\n content {\n field = wait.value\n }\n}"), nil)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	if got := v.GetAttr("mode").AsString(); got != "audit" {
		t.Errorf("default: %q", got)
	}
	if !v.GetAttr("password").HasMark(Sensitive) || v.GetAttr("name").IsMarked() {
		t.Error("only the password must be marked")
	}
	if v.GetAttr("wait").LengthInt() != 2 {
		t.Error("dynamic blocks were not expanded")
	}
	plain, _ := v.UnmarkDeep()
	if !plain.Type().Equals(b.Type()) {
		t.Errorf("type %#v, want %#v", plain.Type(), b.Type())
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, tc := range []struct{ src, code, text string }{
		{`name = null`, "config.invalid-value", "must have a value"},
		{"name = \"a\"\nmode = \"dney\"", "config.invalid-value", `Did you mean "deny"?`},
		{"name = \"a\"\nuid = \"1\"", "config.computed", "computes"},
		{"name = \"a\"\nzzzzzzz = \"1\"", "config.unknown-attribute", "There are: labels, mode, name"},
		{``, "config.missing-attribute", `"name" is required`},
		{"name = \"a\"\nlabels = 1", "config.wrong-type", "map of string required"},
		{"name = \"a\"\nnmae = \"1\"", "config.unknown-attribute", "name"},
	} {
		_, ds := sample().Decode(body(t, tc.src), nil)
		if len(ds) != 1 || string(diag.CodeOf(ds[0])) != tc.code || !strings.Contains(ds[0].Detail, tc.text) || ds[0].Subject == nil {
			t.Errorf("Decode(%q) = %v (code %v)", tc.src, ds, ds)
		}
	}
}

func TestPropose(t *testing.T) {
	b := sample()
	config, _ := b.Decode(body(t, `name = "a"`), nil)
	created := b.Propose(b.Null(), config)
	if created.GetAttr("uid").IsKnown() || created.GetAttr("port").IsKnown() || !created.GetAttr("name").IsKnown() {
		t.Errorf("create: %#v", created)
	}
	attrs := created.AsValueMap()
	attrs["uid"], attrs["port"] = cty.StringVal("u"), cty.NumberIntVal(1)
	prior := cty.ObjectVal(attrs)
	if got := b.Propose(prior, config); !got.RawEquals(prior) {
		t.Errorf("unchanged: %#v", got)
	}
	if got := b.Configured(prior); !got.GetAttr("uid").IsNull() || got.GetAttr("port").IsNull() {
		t.Errorf("Configured: %#v", got)
	}
	attrs["name"] = cty.StringVal("b")
	if got := b.ReplacePaths(prior, cty.ObjectVal(attrs)); len(got) != 1 || diag.PathString(got[0]) != "name" {
		t.Errorf("ReplacePaths = %v", got)
	}
}

func TestRangeOf(t *testing.T) {
	src := "name = \"a\"\nlabels = {\n  app = \"web\"\n}\nwait {\n  field = \"x\"\n}\n"
	bd := body(t, src)
	for _, tc := range []struct {
		path cty.Path
		want string
	}{
		{cty.GetAttrPath("name"), `"a"`},
		{cty.GetAttrPath("labels").IndexString("app"), `"web"`},
		{cty.GetAttrPath("wait").IndexInt(0).GetAttr("field"), `"x"`},
		{cty.GetAttrPath("wait").IndexInt(0), "wait"},
	} {
		rng, ok := sample().RangeOf(bd, tc.path, nil)
		if got := src[rng.Start.Byte:rng.End.Byte]; !ok || got != tc.want {
			t.Errorf("RangeOf(%s) = %q, want %q", diag.PathString(tc.path), got, tc.want)
		}
	}
}
