package addr

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	web := Resource{Mode: Managed, Type: "linkerd_server", Name: "web"}
	for _, tt := range []struct {
		in   string
		want Instance
	}{
		{`linkerd_server.web`, web.Instance(NoKey)},
		{`linkerd_server.web[3]`, web.Instance(IntKey(3))},
		{`linkerd_server.web["a.b"]`, web.Instance(StringKey("a.b"))},
		{`data.linkerd_check.pre`, Resource{Mode: Data, Type: "linkerd_check", Name: "pre"}.Instance(NoKey)},
		{`module.east["a"].module.db.linkerd_server.web["x"]`,
			Resource{Module: `module.east["a"].module.db`, Mode: Managed, Type: "linkerd_server", Name: "web"}.Instance(StringKey("x"))},
	} {
		got, err := Parse(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("Parse(%s) = %v, %v; want %v", tt.in, got, err, tt.want)
		}
		if got.String() != tt.in {
			t.Errorf("Parse(%s).String() = %s", tt.in, got)
		}
	}
	for _, in := range []string{"", "a", "a.", "a.b.c", "a.b[1.5]", "a.b[-1]", "module.x", "data.x", "a b", `a.b["x`, "module.a[true].b.c"} {
		if got, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", in, got)
		}
	}
}

func TestCompare(t *testing.T) {
	r := Resource{Mode: Managed, Type: "t", Name: "n"}
	in := []Instance{r.Instance(StringKey("a")), r.Instance(IntKey(10)), r.Instance(IntKey(9)), r.Instance(NoKey)}
	slices.SortFunc(in, Compare)
	want := []Instance{r.Instance(NoKey), r.Instance(IntKey(9)), r.Instance(IntKey(10)), r.Instance(StringKey("a"))}
	if !slices.Equal(in, want) {
		t.Errorf("sorted = %v, want %v", in, want)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ident := rapid.StringMatching(`[a-z][a-z0-9_-]{0,8}`)
		in := Resource{Mode: rapid.SampledFrom([]Mode{Managed, Data}).Draw(t, "mode"), Type: "t_" + ident.Draw(t, "type"), Name: ident.Draw(t, "name")}.
			Instance(rapid.OneOf(
				rapid.Just(NoKey),
				rapid.Map(rapid.IntRange(0, 1<<20), IntKey),
				rapid.Map(rapid.StringMatching(`[ -~\n\tä€]{0,12}`), StringKey),
			).Draw(t, "key"))
		out, err := Parse(in.String())
		if err != nil || out != in {
			t.Fatalf("Parse(%s) = %v, %v", in, out, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`module.a["b"].c.d[0]`)
	f.Fuzz(func(t *testing.T, s string) {
		in, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(in.String()); err != nil || again != in {
			t.Errorf("Parse(%q) prints as %q, which gives %v, %v", s, in, again, err)
		}
	})
}
