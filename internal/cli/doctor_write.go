package cli

import (
	"fmt"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// healthNames are what JSON calls the outcome of an examination.
var healthNames = map[providers.Health]string{providers.Fit: "success", providers.Doubtful: "warning", providers.Unfit: "error"}

// mostShown is how many findings of one kind a section shows in text: whoever has no rights at all lacks dozens.
const mostShown = 8

// doctorView is what was found, in JSON.
type doctorView struct {
	OK       bool          `json:"ok"`
	Errors   int           `json:"errors"`
	Warnings int           `json:"warnings"`
	Sections []sectionView `json:"sections"`
}

type sectionView struct {
	Name     string        `json:"name"`
	Findings []findingView `json:"findings"`
}

type findingView struct {
	Status string `json:"status"` // success, warning or error
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

func (d *doctor) write(asJSON bool) error {
	unfit, doubtful := d.count()
	if asJSON {
		v := doctorView{OK: unfit == 0, Errors: unfit, Warnings: doubtful, Sections: []sectionView{}}
		for _, s := range d.sections {
			sv := sectionView{s.title, []findingView{}}
			for _, x := range s.found {
				sv.Findings = append(sv.Findings, findingView{healthNames[x.Health], diag.Scrub(x.Text), diag.Scrub(x.Advice)})
			}
			v.Sections = append(v.Sections, sv)
		}
		return d.app.writeJSON(v)
	}
	t := d.app.terminal()
	sign := map[providers.Health]string{providers.Fit: t.OutPaint.Green("ok  "), providers.Doubtful: t.OutPaint.Yellow("warn"), providers.Unfit: t.OutPaint.Red("FAIL")}
	for _, s := range d.sections {
		fmt.Fprintln(t.Out, t.OutPaint.Bold(s.title))
		shown := map[providers.Health]int{}
		for _, x := range s.found {
			if shown[x.Health]++; shown[x.Health] > mostShown {
				continue
			}
			for i, line := range diag.Wrap(diag.Scrub(x.Text), t.Width-8) {
				if i == 0 {
					fmt.Fprintf(t.Out, "  %s  %s\n", sign[x.Health], line)
				} else {
					fmt.Fprintf(t.Out, "        %s\n", line)
				}
			}
			if x.Advice == "" {
				continue
			}
			for _, line := range diag.Wrap(diag.Scrub(x.Advice), t.Width-10) {
				fmt.Fprintf(t.Out, "          %s\n", line)
			}
		}
		for _, h := range []providers.Health{providers.Unfit, providers.Doubtful} {
			if more := shown[h] - mostShown; more > 0 {
				fmt.Fprintf(t.Out, "  %s  %d more; --json lists all\n", sign[h], more)
			}
		}
	}
	switch {
	case unfit > 0:
		fmt.Fprintf(t.Out, "\nA run would fail: %s, %s.\n", plural(unfit, "problem"), plural(doubtful, "warning"))
	case doubtful > 0:
		fmt.Fprintf(t.Out, "\nA run can work, with %s.\n", plural(doubtful, "warning"))
	default:
		fmt.Fprintln(t.Out, "\nA run can work.")
	}
	return nil
}
