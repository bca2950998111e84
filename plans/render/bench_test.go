package render_test

import (
	"io"
	"strconv"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// chain is a plan of n updates, each of which waits for the one before.
func chain(n int) *plans.Plan {
	p := &plans.Plan{Mode: plans.Normal}
	r := addr.Resource{Mode: addr.Managed, Type: "kubernetes_manifest", Name: "x"}
	for i := range n {
		value := func(replicas int64) cty.Value {
			return obj("name", "x"+strconv.Itoa(i), "manifest", obj("kind", "Deployment", "spec", obj("replicas", cty.NumberIntVal(replicas), "image", "web:1")))
		}
		p.Changes = append(p.Changes, &plans.Change{Addr: r.Instance(addr.IntKey(i)), Action: plans.Update, Before: value(1), After: value(2)})
		s := plans.Step{Change: i, Op: plans.OpUpdate}
		if i > 0 {
			s.Deps = []int{i - 1}
		}
		p.Steps = append(p.Steps, s)
	}
	return p
}

func BenchmarkRender(b *testing.B) {
	formats := []struct {
		name  string
		write func(io.Writer, *plans.Plan) error
	}{
		{"text", func(w io.Writer, p *plans.Plan) error { return render.Text(w, p, render.TextOptions{Width: 80}) }},
		{"json", render.JSON},
		{"markdown", func(w io.Writer, p *plans.Plan) error {
			return render.Markdown(w, p, render.MarkdownOptions{MaxBytes: 60_000})
		}},
		{"dot", render.DOT},
	}
	for _, n := range []int{1_000, 10_000} {
		p := chain(n)
		for _, f := range formats {
			b.Run(f.name+"/"+strconv.Itoa(n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := f.write(io.Discard, p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
