package ci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

func planOf(actions ...plans.Action) *plans.Plan {
	p := &plans.Plan{Mode: plans.Normal}
	for i, a := range actions {
		c := &plans.Change{Addr: addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: "x"}.Instance(addr.IntKey(i)), Action: a, Before: cty.NullVal(cty.EmptyObject), After: cty.NullVal(cty.EmptyObject)}
		p.Changes = append(p.Changes, c)
	}
	return p
}

func bodyOf(t *testing.T, payload []byte) string {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal(payload, &got); err != nil || len(got) != 1 {
		t.Fatalf("payload %s: %v", payload, err)
	}
	return got["body"]
}

func TestComment(t *testing.T) {
	warned := planOf(plans.NoOp)
	warned.Warnings = []plans.Warning{{Code: "a.b", Summary: "s"}}
	for name, tt := range map[string]struct {
		plan   *plans.Plan
		o      CommentOptions
		marker string // of the first line; "-" when there is no payload, "" when there is no marker
	}{
		"changes":             {planOf(plans.Create), CommentOptions{Key: "prod/eu 1", Revision: "abc"}, "<!-- meshplan:comment v1 key=prod/eu-1 class=changes sha=abc -->"},
		"destroys":            {planOf(plans.Create, plans.Replace), CommentOptions{}, "<!-- meshplan:comment v1 key=default class=destroys -->"},
		"failed":              {nil, CommentOptions{Key: "x"}, "<!-- meshplan:comment v1 key=x class=failed -->"},
		"nothing":             {planOf(plans.NoOp), CommentOptions{Key: "x"}, "<!-- meshplan:comment v1 key=x class=no-changes only=update -->"},
		"nothing, wanted":     {planOf(plans.NoOp), CommentOptions{Key: "x", OnNoChanges: true}, "<!-- meshplan:comment v1 key=x class=no-changes -->"},
		"nothing but warning": {warned, CommentOptions{Key: "x"}, "<!-- meshplan:comment v1 key=x class=no-changes -->"},
		"hostile key":         {planOf(plans.Create), CommentOptions{Key: "x --> <script> -- @all"}, "<!-- meshplan:comment v1 key=x-script-all class=changes -->"},
		"new":                 {planOf(plans.Create), CommentOptions{Mode: NewComment, Key: "x"}, ""},
		"new, nothing":        {planOf(plans.NoOp), CommentOptions{Mode: NewComment}, "-"},
		"none":                {planOf(plans.Delete), CommentOptions{Mode: NoComment}, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			payload, err := Comment(&Result{Plan: tt.plan}, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if tt.marker == "-" {
				if payload != nil {
					t.Errorf("payload %s", payload)
				}
				return
			}
			first, rest, _ := strings.Cut(bodyOf(t, payload), "\n")
			if tt.marker == "" {
				first, rest = "", first
			}
			if first != tt.marker || !strings.HasPrefix(rest, "### meshplan: ") {
				t.Errorf("it begins with\n%s\n%s", first, rest)
			}
		})
	}
}

// A comment stays below its bound with its marker, whatever is in it.
func TestCommentIsBounded(t *testing.T) {
	var ds hcl.Diagnostics
	for i := range 2000 {
		ds = append(ds, diag.Warningf("a.b", "Warning", "%d %s @all", i, strings.Repeat("<x> ", 20)))
	}
	ds = append(ds, diag.Errorf("a.c", "The worst", "first"))
	payload, err := Comment(&Result{Findings: FromDiagnostics(ds, nil)}, CommentOptions{Key: strings.Repeat("k", 500)})
	if err != nil {
		t.Fatal(err)
	}
	body := bodyOf(t, payload)
	if len(body) > MaxComment {
		t.Errorf("%d bytes", len(body))
	}
	if !strings.Contains(body, "more findings omitted") || strings.Index(body, "The worst") > strings.Index(body, "**Warning:**") || strings.Contains(body, "@all") || strings.Contains(body, "<x>") {
		t.Errorf("%.600s", body)
	}
	many := planOf(make([]plans.Action, 1000)...)
	for _, c := range many.Changes {
		c.Action = plans.Delete
		c.Addr.Key = addr.StringKey(strings.Repeat("long-", 20) + c.Addr.Key.String())
	}
	if payload, err = Comment(&Result{Plan: many}, CommentOptions{}); err != nil {
		t.Fatal(err)
	}
	if body := bodyOf(t, payload); len(body) > MaxComment || !strings.Contains(body, "do not fit here. Do not decide by this text alone") {
		t.Errorf("%d bytes: %.600s", len(body), body)
	}
}

func TestOutputs(t *testing.T) {
	p := planOf(plans.Create, plans.Create, plans.Update, plans.Replace, plans.Delete, plans.NoOp)
	var b, l, f bytes.Buffer
	if err := Outputs(&b, p, "abc"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("result=destroys\nchanges=5\ncreates=2\nupdates=1\nreplaces=1\ndeletes=1\ndrift=0\nplan_sha256=abc\n", b.String()); diff != "" {
		t.Error(diff)
	}
	if err := GitLab(&l, p); err != nil || l.String() != `{"create":3,"delete":2,"update":1}`+"\n" {
		t.Errorf("GitLab: %s %v", l.String(), err)
	}
	if err := Outputs(&f, nil, ""); err != nil || f.String() != "result=failed\n" {
		t.Errorf("failed: %s %v", f.String(), err)
	}
}

func TestAnnotations(t *testing.T) {
	at := func(file string, line int) *hcl.Range {
		return &hcl.Range{Filename: file, Start: hcl.Pos{Line: line, Column: 3}, End: hcl.Pos{Line: line + 1, Column: 1}}
	}
	ds := hcl.Diagnostics{
		diag.Warning("a.w", "Careful, now: 100%", "a\nb", at("a,b.mesh.hcl", 3)),
		diag.Error("a.e", "Elsewhere", "::error::x", at("other.mesh.hcl", 9)),
		diag.Error("a.e", "Here", "", at("main.mesh.hcl", 4)),
		diag.Errorf("a.n", "Nowhere", "no place"),
	}
	var b bytes.Buffer
	if err := Annotations(&b, FromDiagnostics(ds, nil), Place{Dir: "/r/live", Root: "/r"}, []string{"live/main.mesh.hcl"}); err != nil {
		t.Fatal(err)
	}
	want := `::error file=live/main.mesh.hcl,line=4,col=3,endLine=5,title=Here [a.e]::Here
::error file=live/other.mesh.hcl,line=9,col=3,endLine=10,title=Elsewhere [a.e]::Elsewhere. ::error::x
::error title=Nowhere [a.n]::Nowhere. no place
::warning file=live/a%2Cb.mesh.hcl,line=3,col=3,endLine=4,title=Careful%2C now%3A 100%25 [a.w]::Careful, now: 100%25. a b
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// GitHub drops what is too much without a word, so the last annotation says it.
func TestAnnotationsAreCounted(t *testing.T) {
	for errors, want := range map[int]string{10: "", 11: "2 more findings", 30: "21 more findings"} {
		var ds hcl.Diagnostics
		for i := range errors {
			ds = append(ds, diag.Errorf("a.b", "Error", "number %d", i))
		}
		for range 3 {
			ds = append(ds, diag.Warningf("a.c", "Warning", ""))
		}
		var b bytes.Buffer
		if err := Annotations(&b, FromDiagnostics(ds, nil), Place{}, nil); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "::error "); n != 10 || strings.Count(b.String(), "::warning ") != 3 {
			t.Errorf("%d errors: %d annotations\n%s", errors, n, b.String())
		}
		if got := strings.Contains(b.String(), "more findings"); got != (want != "") || !strings.Contains(b.String(), want) {
			t.Errorf("%d errors: %s", errors, b.String())
		}
	}
}

func TestDetect(t *testing.T) {
	env := func(kv ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(kv); i += 2 {
				if kv[i] == name {
					return kv[i+1]
				}
			}
			return ""
		}
	}
	for want, getenv := range map[string]func(string) string{
		"{   }": env(),
		"{out https://github.com/o/r/actions/runs/7 abc }": env("GITHUB_OUTPUT", "out", "GITHUB_SERVER_URL", "https://github.com", "GITHUB_REPOSITORY", "o/r", "GITHUB_RUN_ID", "7", "GITHUB_SHA", "abc"),
		"{ https://gitlab.example/j/1 def }":               env("CI_JOB_URL", "https://gitlab.example/j/1", "CI_COMMIT_SHA", "def"),
	} {
		e := Detect(getenv)
		if got := fmt.Sprintf("{%s %s %s %s}", e.Output, e.RunURL, e.Revision, e.Summary); got != want {
			t.Errorf("Detect = %s, want %s", got, want)
		}
	}
}
