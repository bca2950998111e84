package diag

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

func TestSort(t *testing.T) {
	at := func(file string, b int) *hcl.Range { return &hcl.Range{Filename: file, Start: hcl.Pos{Byte: b}} }
	ds := Sort(hcl.Diagnostics{
		Error("a.b", "none", "", nil), Error("a.c", "late", "", at("b", 4)), Error("a.c", "late", "", at("b", 4)),
		Warning("a.d", "early", "", at("a", 9)),
	})
	if len(ds) != 3 || ds[0].Summary != "early" || ds[1].Summary != "late" || ds[2].Summary != "none" {
		t.Errorf("Sort = %v", ds)
	}
}

func TestExtra(t *testing.T) {
	d := For(At(Errorf("x.y", "s", "d"), cty.GetAttrPath("a").IndexInt(2).GetAttr("b")), "t.n")
	if CodeOf(d) != "x.y" || PathString(PathOf(d)) != "a[2].b" || AddressOf(d) != "t.n" {
		t.Errorf("extra = %#v", d.Extra)
	}
}

func TestSuggest(t *testing.T) {
	if got := Suggest("nmae", []string{"namespace", "name"}); got != ` Did you mean "name"?` {
		t.Errorf("Suggest = %q", got)
	}
	if got := Suggest("zzz", []string{"name"}); got != "" {
		t.Errorf("Suggest = %q", got)
	}
}

func TestScrub(t *testing.T) {
	if got := Scrub("a\x1b[31mb\u202e\tc\n"); got != "a\uFFFD[31mb\uFFFD\tc\n" {
		t.Errorf("Scrub = %q", got)
	}
}

func TestRefused(t *testing.T) {
	no, other := Refused(Errorf("a.b", "s", "d")), Errorf("a.b", "s", "d")
	if !AllRefused(hcl.Diagnostics{no, Warningf("a.c", "s", "d")}) || AllRefused(hcl.Diagnostics{no, other}) || AllRefused(nil) || CodeOf(no) != "a.b" {
		t.Error("a refusal is an error that changed nothing")
	}
}
