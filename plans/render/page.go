package render

import (
	_ "embed" // the form of the page
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed report.tmpl
var reportTemplate string

// report is what a page shows. Everything but pictures is escaped by the template; pictures escape what they hold.
type report struct {
	Title, Heading, Verdict string
	Style                   template.CSS
	Facts                   []fact
	Counts, Filters         []count
	Warnings                []string
	Impact                  string
	Timeline, Picture       template.HTML
	TimelineNote            string
	PictureNote             string
	Critical                []string
	ListTitle               string
	Groups                  []section
	Outputs                 []paintedLine
	Footer                  string
}

type fact struct{ Name, Text string }

type count struct {
	Class, Name string
	N           int
}

type section struct {
	Class   string
	Items   []entry
	Omitted string
}

type entry struct {
	Symbol, Verb, Address, Why string
	Notes                      []string
	Lines                      []paintedLine
	Open                       bool
}

type paintedLine struct{ Class, Text string }

// write renders the page.
func (r *report) write(w io.Writer) error {
	t, err := template.New("report").Parse(reportTemplate)
	if err != nil {
		return err
	}
	r.Style = template.CSS(palette + pictureStyle + pageStyle + r.filterStyle())
	return t.Execute(w, r)
}

// filterStyle hides a section while its box is not ticked, without a script.
func (r *report) filterStyle() string {
	var b strings.Builder
	for _, f := range r.Filters {
		fmt.Fprintf(&b, "body:has(#f-%s:not(:checked)) .g-%s{display:none}\n", f.Class, f.Class)
	}
	return b.String()
}

func painted(lines []line) (out []paintedLine) {
	for _, l := range lines {
		text := string(l.sign) + " " + strings.Repeat("    ", l.depth) + l.text
		if l.note != "" {
			text += "   # " + l.note
		}
		class := map[sign]string{added: "ins", removed: "del", changed: "chg"}[l.sign]
		if class == "" && strings.HasPrefix(l.text, "#") {
			class = "dim"
		}
		out = append(out, paintedLine{class, strings.TrimRight(text, " ")})
	}
	return out
}

const pageStyle = `*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
header,main,footer{max-width:1500px;margin:0 auto;padding:0 24px}
header{padding-top:24px}
h1{font-size:22px;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:16px;margin:28px 0 8px}
.verdict{font-size:17px;margin:0 0 12px}
.facts{display:flex;flex-wrap:wrap;gap:4px 28px;margin:0 0 14px;color:var(--dim);font-size:13px}
.facts div{display:flex;gap:6px}.facts dt::after{content:":"}.facts dd{margin:0;color:var(--fg);overflow-wrap:anywhere}
.counts{display:flex;flex-wrap:wrap;gap:8px;list-style:none;margin:0;padding:0}
.counts li{border:1px solid var(--line);border-radius:16px;padding:2px 12px;font-size:14px}
.counts .zero{color:var(--dim);border-style:dotted}
.c-create:not(.zero),.c-done:not(.zero){background:var(--create-bg);border-color:var(--create)}
.c-update:not(.zero),.c-unknown:not(.zero){background:var(--update-bg);border-color:var(--update)}
.c-replace:not(.zero){background:var(--replace-bg);border-color:var(--replace)}
.c-delete:not(.zero),.c-failed:not(.zero){background:var(--delete-bg);border-color:var(--delete)}
.c-drift:not(.zero),.c-read:not(.zero),.c-forget:not(.zero){background:var(--read-bg);border-color:var(--read)}
.warning,.impact{border-left:4px solid var(--update);background:var(--update-bg);padding:8px 12px;margin:14px 0}
.impact{border-color:var(--read);background:var(--read-bg)}
.note{color:var(--dim);margin:6px 0;font-size:14px;overflow-wrap:anywhere}
.scroll{overflow:auto;max-height:80vh;border:1px solid var(--line);border-radius:8px;background:var(--bg)}
.scroll svg{display:block}
.filters label{margin-right:14px;white-space:nowrap}
details{border:1px solid var(--line);border-left-width:5px;border-radius:6px;margin:6px 0;background:var(--bg)}
summary{padding:6px 12px;cursor:pointer;overflow-wrap:anywhere}
summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--read);outline-offset:1px}
details>p{padding:0 12px}
code,pre,.symbol{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.symbol{display:inline-block;min-width:2.4em;text-align:right;white-space:pre}
.verb{display:inline-block;min-width:4.4em;font-weight:600}
.why{color:var(--dim);font-size:13px}
pre{margin:0;padding:8px 12px;overflow-x:auto;background:var(--soft);border-top:1px solid var(--line)}
section>pre{border:1px solid var(--line);border-radius:6px}
pre span{display:block;min-height:1.45em}
.ins{background:var(--create-bg)}.del{background:var(--delete-bg)}.chg{background:var(--update-bg)}.dim{color:var(--dim)}
.create,.done{border-left-color:var(--create)}.create .verb,.done .verb{color:var(--create)}
.update,.unknown{border-left-color:var(--update)}.update .verb,.unknown .verb{color:var(--update)}
.replace{border-left-color:var(--replace)}.replace .verb{color:var(--replace)}
.delete,.failed{border-left-color:var(--delete)}.delete .verb,.failed .verb{color:var(--delete)}
.read,.forget,.drift{border-left-color:var(--read)}.read .verb,.forget .verb,.drift .verb{color:var(--read)}
.gantt text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--fg)}
.gantt .tick{fill:var(--dim)}.gantt line{stroke:var(--line)}
.gantt rect{stroke-width:1}
.gantt .done rect{fill:var(--create);stroke:var(--create)}.gantt .failed rect{fill:var(--delete);stroke:var(--delete)}.gantt .unknown rect{fill:var(--update-bg);stroke:var(--update);stroke-dasharray:4 3}
.gantt .critical rect{fill:var(--critical);stroke:var(--critical)}.gantt .critical text{font-weight:700}
footer{color:var(--dim);font-size:13px;padding:24px}
@media print{.filters{display:none}.scroll{max-height:none;overflow:visible}.scroll svg{max-width:100%;height:auto}details{break-inside:avoid}
details::details-content{content-visibility:visible;block-size:auto}pre{white-space:pre-wrap;overflow-wrap:anywhere}}
@media (max-width:600px){header,main{padding:0 12px}}
`
