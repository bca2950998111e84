package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/dag"
)

// Run is a run that has begun, as its journal tells it.
type Run struct {
	Number            uint64
	Mode, Result      string
	Started, Finished time.Time // UTC; Finished is zero for a run that has not ended
	By                string
	Effect            string // what it did, in words
	Error             string
	Steps             []RunStep // in the order in which they began
}

// RunStep is one effect of a run.
type RunStep struct {
	Step    int // its index in the plan, which Deps of others refer to
	Address addr.Instance
	Op      string // as plans.Op prints it
	Outcome string // done, failed or unknown
	// Start and End are UTC; End is zero when the outcome is unknown.
	Start, End          time.Time
	Error, Irreversible string
	Deps                []int
}

// took is how long the step took; a step without an end is taken to last as long as the run.
func (s *RunStep) took(last time.Time) time.Duration {
	if s.End.IsZero() {
		return max(last.Sub(s.Start), 0)
	}
	return max(s.End.Sub(s.Start), 0)
}

// last returns the time of the last thing that is known of the run.
func (r *Run) last() time.Time {
	out := r.Finished
	for _, s := range r.Steps {
		for _, t := range []time.Time{s.Start, s.End} {
			if t.After(out) {
				out = t
			}
		}
	}
	return out
}

// Critical returns the indices in Steps of the chain that decided how long the run took: from the step that ended last,
// back by the dependency that ended last.
func (r *Run) Critical() (out []int) {
	at := make(map[int]int, len(r.Steps))
	end := -1
	for i, s := range r.Steps {
		at[s.Step] = i
		if !s.End.IsZero() && (end < 0 || s.End.After(r.Steps[end].End)) {
			end = i
		}
	}
	for end >= 0 {
		out = append(out, end)
		next := -1
		for _, d := range r.Steps[end].Deps {
			if i, ok := at[d]; ok && i != end && !slices.Contains(out, i) && (next < 0 || r.Steps[i].End.After(r.Steps[next].End)) {
				next = i
			}
		}
		end = next
	}
	slices.Reverse(out)
	return out
}

// RunSVG writes the steps of a run and what waited for what as a picture, coloured by their outcome.
func RunSVG(w io.Writer, r *Run) error {
	var b strings.Builder
	r.picture().svg(&b, true)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Run) picture() *picture {
	d := &drawing{graph: dag.New(func(a, b int) int { return a - b }), nodes: map[int]vertex{}}
	outcome := map[int]string{}
	known := map[int]bool{}
	for _, s := range r.Steps {
		known[s.Step] = true
	}
	for _, s := range r.Steps {
		d.nodes[s.Step] = vertex{verb: s.Op, label: oneLine(s.Address.String()), addr: s.Address.Resource}
		outcome[s.Step] = s.Outcome
		d.graph.Add(s.Step, slices.DeleteFunc(slices.Clone(s.Deps), func(dep int) bool { return !known[dep] || dep >= s.Step })...)
	}
	d.graph = d.graph.Reduce()
	return compose(d, func(n int, _ vertex) string { return "o-" + outcome[n] })
}

// RunHTML writes the run as one page that needs nothing else, like HTML: how it ended, when each step ran, the chain
// that decided how long it took, and every step with what went wrong.
func RunHTML(w io.Writer, run *Run) error {
	r := &report{Heading: fmt.Sprintf("meshplan run %d: %s", run.Number, run.Mode), ListTitle: "Steps"}
	r.Title = r.Heading + ", " + run.Result
	r.Verdict = strings.ToUpper(run.Result[:1]) + run.Result[1:] + ": " + run.Effect + "."
	r.Facts = []fact{{"Started", run.Started.Format("2006-01-02 15:04:05 UTC")}}
	if !run.Finished.IsZero() {
		r.Facts = append(r.Facts, fact{"Took", duration(run.Finished.Sub(run.Started))})
	}
	r.Facts = append(r.Facts, fact{"By", oneLine(run.By)})
	if run.Error != "" {
		r.Warnings = []string{oneLine(run.Error)}
	}
	last := run.last()
	sections := map[string]*section{}
	for i := range run.Steps {
		s := &run.Steps[i]
		sec := sections[s.Outcome]
		if sec == nil {
			sec = &section{Class: s.Outcome}
			sections[s.Outcome] = sec
		}
		e := entry{Verb: s.Op, Address: oneLine(s.Address.String()), Why: duration(s.took(last)), Symbol: outcomeSign(s.Outcome), Open: s.Outcome != "done"}
		if s.Error != "" {
			e.Notes = append(e.Notes, oneLine(s.Error))
		}
		if s.Irreversible != "" {
			e.Notes = append(e.Notes, "Cannot be undone: "+oneLine(s.Irreversible))
		}
		e.Notes = append(e.Notes, fmt.Sprintf("Began %s after the start of the run.", duration(s.Start.Sub(run.Started))))
		sec.Items = append(sec.Items, e)
	}
	for _, outcome := range []string{"failed", "unknown", "done"} {
		n := 0
		if sec := sections[outcome]; sec != nil {
			n = len(sec.Items)
			r.Groups = append(r.Groups, *sec)
			r.Filters = append(r.Filters, count{outcome, outcome, n})
		}
		r.Counts = append(r.Counts, count{outcome, outcome, n})
	}
	if len(run.Steps) > 0 {
		critical := run.Critical()
		for _, i := range critical {
			r.Critical = append(r.Critical, oneLine(run.Steps[i].Address.String()))
		}
		r.Timeline, r.TimelineNote = run.timeline(critical)
		r.Picture, r.PictureNote = figure(run.picture())
	}
	r.Footer = "Made by meshplan from the journal of the run. Sensitive values are not part of it."
	return r.write(w)
}

func outcomeSign(outcome string) string {
	switch outcome {
	case "done":
		return "✓"
	case "failed":
		return "✗"
	}
	return "?"
}

func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + "s"
	}
	return d.Round(time.Second).String()
}

// maxBars is how many bars a timeline shows.
const maxBars = 150

// shown returns the steps that a timeline shows, in the order of their beginning: all of them, or the critical, the
// failed and the longest ones.
func (r *Run) shown(critical []int) []int {
	all := make([]int, len(r.Steps))
	for i := range all {
		all[i] = i
	}
	if len(all) > maxBars {
		last := r.last()
		rank := func(i int) int {
			if r.Steps[i].Outcome != "done" || slices.Contains(critical, i) {
				return 0
			}
			return 1
		}
		ranks := make([]int, len(all))
		for i := range all {
			ranks[i] = rank(i)
		}
		slices.SortStableFunc(all, func(a, b int) int {
			return cmp.Or(cmp.Compare(ranks[a], ranks[b]), cmp.Compare(r.Steps[b].took(last), r.Steps[a].took(last)))
		})
		all = all[:maxBars]
	}
	slices.SortStableFunc(all, func(a, b int) int {
		return cmp.Or(r.Steps[a].Start.Compare(r.Steps[b].Start), cmp.Compare(r.Steps[a].Step, r.Steps[b].Step))
	})
	return all
}
