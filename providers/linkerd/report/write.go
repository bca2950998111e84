package report

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/meshplan/meshplan/internal/diag"
)

// Markdown writes the report for a pull request or a wiki.
func Markdown(w io.Writer, c Compliance) error {
	var b strings.Builder
	findings := c.Findings()
	fmt.Fprintf(&b, "# Mesh compliance\n\n%s, %s\n\n", c.Time.UTC().Format(time.RFC3339), verdict(findings))
	b.WriteString("| Namespace | Requests | mTLS | Refused | Ports | Without mTLS admitted |\n|---|--:|--:|--:|--:|--:|\n")
	for _, n := range c.Namespaces {
		fmt.Fprintf(&b, "| %s | %.0f | %s | %.0f | %d | %d |\n", cell(n.Name), n.Requests, Percent(n.Ratio), n.Denied, len(n.Ports), open(n.Ports))
	}
	b.WriteString("\n## Findings\n\n")
	if len(findings) == 0 {
		b.WriteString("None.\n")
	}
	for _, f := range findings {
		fmt.Fprintf(&b, "- **%s** %s: %s\n", f.Severity, inline(f.Where), inline(f.Text))
	}
	for _, n := range c.Namespaces {
		fmt.Fprintf(&b, "\n## Namespace %s\n\n| Workload | Port | Server | Policy | Admits |\n|---|--:|---|---|---|\n", inline(n.Name))
		for _, p := range n.Ports {
			fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", cell(p.Workload), p.Port, cell(p.Server), cell(p.AccessPolicy), cell(strings.Join(p.Admits, ", ")))
		}
	}
	b.WriteString("\n## Certificates\n\n| Kind | Name | Ends | Days left | Usable |\n|---|---|---|--:|---|\n")
	for _, e := range c.Certificates {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(e.Kind), cell(e.Name), cell(e.NotAfter), days(e.DaysLeft), yesNo(e.OK))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func verdict(findings []Finding) string {
	fails := 0
	for _, f := range findings {
		if f.Severity == Fail {
			fails++
		}
	}
	switch {
	case fails > 0:
		return fmt.Sprintf("not compliant: %d failure(s), %d open", fails, len(findings)-fails)
	case len(findings) > 0:
		return fmt.Sprintf("not proved: %d open", len(findings))
	}
	return "compliant"
}

func open(ports []Port) int {
	n := 0
	for _, p := range ports {
		if p.Unauthenticated || !p.Meshed {
			n++
		}
	}
	return n
}

func days(n *int64) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

func yesNo(ok bool) string {
	if ok {
		return "yes"
	}
	return "no"
}

// inline makes text harmless inside a line of Markdown.
func inline(s string) string {
	return strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "&", "&amp;", "#", "\\#", "@", "@\u200b", "\n", " ", "\r", " ").Replace(diag.Scrub(s))
}

func cell(s string) string { return strings.ReplaceAll(inline(s), "|", "\\|") }

// HTML writes the report as one page that needs nothing else.
func HTML(w io.Writer, c Compliance, edges []Edge) error {
	var svg strings.Builder
	if len(edges) > 0 {
		if err := SVG(&svg, edges); err != nil {
			return err
		}
	}
	t, err := template.New("report").Funcs(template.FuncMap{"percent": Percent, "days": days, "yes": yesNo, "open": open, "join": strings.Join, "scrub": diag.Scrub}).Parse(page)
	if err != nil {
		return err
	}
	findings := c.Findings()
	return t.Execute(w, map[string]any{"Report": c, "Findings": findings, "Verdict": verdict(findings), "Time": c.Time.UTC().Format(time.RFC3339),
		"Map": template.HTML(svg.String())}) // #nosec G203: SVG escapes every name
}

const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Mesh compliance</title>
<style>
:root { color-scheme: light dark; --line: #c9d3df; --fail: #b3261e; --open: #8a6100 }
@media (prefers-color-scheme: dark) { :root { --line: #3a4757; --fail: #ff8a80; --open: #ffd479 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } th, td { border-bottom: 1px solid var(--line); padding: .3rem .8rem; text-align: left } td.n { text-align: right }
.fail { color: var(--fail) } .open { color: var(--open) } .map { overflow-x: auto }
</style></head><body>
<h1>Mesh compliance</h1><p>{{.Time}}, <strong>{{.Verdict}}</strong></p>
<table><tr><th>Namespace<th>Requests<th>mTLS<th>Refused<th>Ports<th>Without mTLS admitted</tr>
{{range .Report.Namespaces}}<tr><td>{{scrub .Name}}<td class="n">{{printf "%.0f" .Requests}}<td class="n">{{percent .Ratio}}<td class="n">{{printf "%.0f" .Denied}}<td class="n">{{len .Ports}}<td class="n">{{open .Ports}}</tr>
{{end}}</table>
<h2>Findings</h2>{{if .Findings}}<ul>{{range .Findings}}<li><strong class="{{.Severity}}">{{.Severity}}</strong> {{scrub .Where}}: {{scrub .Text}}</li>
{{end}}</ul>{{else}}<p>None.</p>{{end}}
{{if .Map}}<h2>Who calls whom</h2><div class="map">{{.Map}}</div>{{end}}
{{range .Report.Namespaces}}<h2>Namespace {{scrub .Name}}</h2>
<table><tr><th>Workload<th>Port<th>Server<th>Policy<th>Admits</tr>
{{range .Ports}}<tr><td>{{scrub .Workload}}<td class="n">{{.Port}}<td>{{scrub .Server}}<td>{{scrub .AccessPolicy}}<td>{{scrub (join .Admits ", ")}}</tr>
{{end}}</table>{{end}}
<h2>Certificates</h2><table><tr><th>Kind<th>Name<th>Ends<th>Days left<th>Usable</tr>
{{range .Report.Certificates}}<tr><td>{{scrub .Kind}}<td>{{scrub .Name}}<td>{{scrub .NotAfter}}<td class="n">{{days .DaysLeft}}<td>{{yes .OK}}</tr>
{{end}}</table></body></html>
`
