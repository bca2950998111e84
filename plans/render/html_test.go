package render_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

func hostilePlan(t testing.TB) *plans.Plan {
	p := rollout(t)
	for _, c := range p.Changes[3:5] {
		c.Addr = instance(t, `kubernetes_manifest.web["</text></title><script>alert(1)</script>&'"]`)
		c.Notes = []string{"</pre><img src=https://evil.example/x onerror=alert(1)>"}
	}
	return p
}

// finished is a run in which everything occurs.
func finished(t testing.TB) *render.Run {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	return &render.Run{
		Number: 42, Mode: "apply", Result: "failed", Started: start, Finished: at(64), By: "ann@ci", Effect: "3 created, 1 updated, 0 replaced, 0 deleted", Error: "a step failed",
		Steps: []render.RunStep{
			{Step: 0, Address: instance(t, "kubernetes_namespace.shop"), Op: "create", Outcome: "done", Start: at(0), End: at(0.2)},
			{Step: 1, Address: instance(t, "linkerd_trust_anchor.main"), Op: "create", Outcome: "done", Start: at(0), End: at(1.2)},
			{Step: 2, Address: instance(t, "linkerd_control_plane.main"), Op: "update", Outcome: "done", Start: at(1.2), End: at(41), Deps: []int{1}, Irreversible: "the former version is gone"},
			{Step: 4, Address: instance(t, `kubernetes_manifest.web["</text><script>alert(1)</script>"]`), Op: "create", Outcome: "failed", Start: at(41), End: at(64), Deps: []int{0, 2}, Error: "image </b><script>cannot be pulled"},
			{Step: 5, Address: instance(t, "linkerd_gate.meshed"), Op: "create", Outcome: "unknown", Start: at(41), Deps: []int{2}},
		},
	}
}

// TestPages: no script, no request, no secret, and every tag is one of the template's.
func TestPages(t *testing.T) {
	pages := map[string]func(*bytes.Buffer) error{
		"plan":     func(b *bytes.Buffer) error { return render.HTML(b, hostilePlan(t), render.HTMLOptions{}) },
		"rollback": func(b *bytes.Buffer) error { return render.HTML(b, reverting(t), render.HTMLOptions{}) },
		"run":      func(b *bytes.Buffer) error { return render.RunHTML(b, finished(t)) },
		"drift":    func(b *bytes.Buffer) error { return render.DriftHTML(b, drifted(t), render.HTMLOptions{}) },
		"svg":      func(b *bytes.Buffer) error { return render.SVG(b, hostilePlan(t)) },
		"run svg":  func(b *bytes.Buffer) error { return render.RunSVG(b, finished(t)) },
	}
	for name, write := range pages {
		t.Run(name, func(t *testing.T) {
			var a, b bytes.Buffer
			if err := write(&a); err != nil {
				t.Fatal(err)
			}
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			keep(name, &a)
			if strings.Contains(a.String(), planted) || strings.Contains(a.String(), "PRIVATE KEY") {
				t.Error("a secret is shown")
			}
			checkTags(t, a.String())
		})
	}
}

// keep writes a page where MESHPLAN_PAGES says, to be looked at.
func keep(name string, b *bytes.Buffer) {
	if dir := os.Getenv("MESHPLAN_PAGES"); dir != "" {
		_ = os.WriteFile(fmt.Sprintf("%s/%s.html", dir, name), b.Bytes(), 0o600)
	}
}

func checkTags(t *testing.T, page string) {
	t.Helper()
	allowed := " html head meta title style body header h1 p dl div dt dd ul li b main section h2 code label input details summary span pre footer svg g path rect text circle defs marker line "
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			if !strings.Contains(allowed, " "+tok.Data+" ") {
				t.Errorf("the page has a tag %q", tok.Data)
			}
			for _, attr := range tok.Attr {
				if strings.HasPrefix(attr.Key, "on") || attr.Key == "src" || attr.Key == "href" || strings.Contains(attr.Val, "//") && attr.Key != "xmlns" {
					t.Errorf("the tag %s has the attribute %s=%q", tok.Data, attr.Key, attr.Val)
				}
			}
		}
	}
}

func TestPlanPage(t *testing.T) {
	var b bytes.Buffer
	if err := render.HTML(&b, rollout(t), render.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Plan: 1 to create, 1 to update, 1 to replace, 1 to delete.", "prefers-color-scheme:dark", "details::details-content{content-visibility:visible", "default-src &#39;none&#39;|default-src 'none'", "linkerd_identity_issuer.main", "(sensitive value)",
		"(known after apply)", "# forces replacement", "A later rollback cannot undo", "restarts 5 pods", "changed outside meshplan", "Protected by prevent_destroy.",
	} {
		found := false
		for w := range strings.SplitSeq(want, "|") {
			found = found || strings.Contains(b.String(), w)
		}
		if !found {
			t.Errorf("the page lacks %q", want)
		}
	}
	deletion, creation := strings.Index(b.String(), `class="g-delete"`), strings.Index(b.String(), `class="g-create"`)
	if deletion < 0 || creation < deletion {
		t.Errorf("what destroys must come first: delete at %d, create at %d", deletion, creation)
	}
}

func TestCritical(t *testing.T) {
	r := finished(t)
	if got := fmt.Sprint(r.Critical()); got != "[1 2 3]" {
		t.Errorf("Critical = %s, want the chain anchor, control plane, web", got)
	}
	var b bytes.Buffer
	if err := render.RunHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Failed: 3 created", "linkerd_trust_anchor.main</code> → <code>linkerd_control_plane.main", "Cannot be undone: the former version is gone", "39.8s"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestSVG(t *testing.T) {
	var b bytes.Buffer
	if err := render.SVG(&b, rollout(t)); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "rollout.svg", b.Bytes())
}

// TestLargePictures: pages of large plans stay bounded, whatever the shape of the graph.
func TestLargePictures(t *testing.T) {
	for name, p := range map[string]*plans.Plan{"chain": chain(2000), "wide": wide(2000), "braid": braid(40, 50)} {
		t.Run(name, func(t *testing.T) {
			var b, page bytes.Buffer
			if err := render.SVG(&b, p); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(b.String(), `class="box `); n > 100 || n < 1 {
				t.Errorf("the picture has %d boxes", n)
			}
			if b.Len() > 400_000 {
				t.Errorf("the picture has %d bytes", b.Len())
			}
			if err := render.HTML(&page, p, render.HTMLOptions{MaxLines: 5000}); err != nil {
				t.Fatal(err)
			}
			keep(name, &page)
			if page.Len() > 2_500_000 || strings.Count(page.String(), "<details") != 2000 {
				t.Errorf("the page has %d bytes and %d changes", page.Len(), strings.Count(page.String(), "<details"))
			}
		})
	}
}

// wide is a plan of n updates that wait for one.
func wide(n int) *plans.Plan {
	p := chain(n)
	for i := range p.Steps {
		if i > 0 {
			p.Steps[i].Deps = []int{0}
		}
	}
	return p
}

// braid is a plan of layers of updates, each of which waits for two of the layer before.
func braid(layers, width int) *plans.Plan {
	p := chain(layers * width)
	for i := range p.Steps {
		p.Steps[i].Deps = nil
		if l := i / width; l > 0 {
			p.Steps[i].Deps = []int{(l-1)*width + i%width, (l-1)*width + (i+1)%width}
		}
	}
	return p
}
