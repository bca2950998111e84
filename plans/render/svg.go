package render

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/meshplan/meshplan/plans"
)

// SVG writes the order of the plan's steps, or the dependencies of a plan in which nothing happens, as a picture that
// needs nothing else: light and dark by the reader's preference, with the addresses as tooltips. Large graphs are drawn
// by groups, so that the picture stays readable.
func SVG(w io.Writer, p *plans.Plan) error {
	b := bufio.NewWriter(w)
	compose(draw(p), byAction).svg(b, true)
	return b.Flush()
}

// maxTips bounds the lines of a tooltip.
const maxTips = 30

// svg writes the picture. One that stands alone brings its colours along; in a page they are those of the page.
func (p *picture) svg(w io.Writer, alone bool) {
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="img" aria-label="Order of the steps" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f">`+"\n",
		p.width, p.height, p.width, p.height)
	if alone {
		fmt.Fprintf(w, "<style>\n%s%s</style>\n", palette, pictureStyle)
		fmt.Fprintf(w, `<rect class="page" width="100%%" height="100%%"/>`+"\n")
	}
	fmt.Fprintln(w, `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>`)
	for _, b := range p.boxes {
		for _, d := range b.deps {
			from := p.boxes[d]
			x1, x2, class := from.x+from.w, b.x-1, "edge tip"
			through := ""
			if b.bend {
				x2, class, through = b.x, "edge", fmt.Sprintf("H%.1f", b.x+b.w)
			}
			bend := (x2 - x1) / 2
			fmt.Fprintf(w, `<path class="%s" d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f%s"/>`+"\n", class, x1, from.y, x1+bend, from.y, x2-bend, b.y, x2, b.y, through)
		}
	}
	for _, b := range p.boxes {
		if !b.bend {
			b.svg(w)
		}
	}
	fmt.Fprintln(w, "</svg>")
}

func (b *box) svg(w io.Writer) {
	if b.hub {
		fmt.Fprintf(w, `<g class="hub"><title>%s</title><circle cx="%.1f" cy="%.1f" r="4"/></g>`+"\n", html.EscapeString(b.label), b.x+hubSize/2, b.y)
		return
	}
	tip := []string{strings.TrimSpace(b.title + " " + b.label)}
	if len(b.more) > 0 {
		tip = b.more
		if len(tip) > maxTips {
			tip = append(tip[:maxTips:maxTips], fmt.Sprintf("and %d more", len(b.more)-maxTips))
		}
	}
	class := "box " + b.class
	if len(b.more) > 0 {
		class += " group"
	}
	fmt.Fprintf(w, `<g class="%s"><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.0f" rx="6"/>`, class, html.EscapeString(strings.Join(tip, "\n")),
		b.x, b.y-boxHeight/2, b.w, boxHeight)
	if b.title == "" {
		fmt.Fprintf(w, `<text x="%.1f" y="%.1f">%s</text></g>`+"\n", b.x+10, b.y+4, html.EscapeString(short(b.label)))
		return
	}
	fmt.Fprintf(w, `<text class="verb" x="%.1f" y="%.1f">%s</text><text x="%.1f" y="%.1f">%s</text></g>`+"\n",
		b.x+10, b.y-5, html.EscapeString(b.title), b.x+10, b.y+11, html.EscapeString(short(b.label)))
}

// palette names the colours of pictures and pages, light and dark.
const palette = `:root{--bg:#fff;--fg:#1c2128;--dim:#57606a;--line:#d0d7de;--soft:#f6f8fa;--create:#1a7f37;--create-bg:#dafbe1;--update:#8a6100;--update-bg:#fff3c4;
--replace:#8250df;--replace-bg:#f3e8ff;--delete:#cf222e;--delete-bg:#ffe3e0;--read:#0969da;--read-bg:#ddf0ff;--none-bg:#f6f8fa;--edge:#8c959f;--critical:#bc4c00}
@media screen and (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#30363d;--soft:#161b22;--create:#3fb950;--create-bg:#12261e;--update:#d29922;--update-bg:#2b2210;
--replace:#bc8cff;--replace-bg:#241a36;--delete:#ff7b72;--delete-bg:#2d1517;--read:#58a6ff;--read-bg:#0f2233;--none-bg:#161b22;--edge:#6e7681;--critical:#ffa657}}
`

const pictureStyle = `.page{fill:var(--bg)}
.graph text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--fg)}
.graph text.verb{font-size:11px;fill:var(--dim)}
.edge{fill:none;stroke:var(--edge);stroke-width:1.2}
.tip{marker-end:url(#tip)}
#tip path,.hub circle{fill:var(--edge)}
.box rect{fill:var(--none-bg);stroke:var(--line);stroke-width:1.4}
.box.group rect{stroke-width:3}
.a-create rect,.o-done rect{fill:var(--create-bg);stroke:var(--create)}
.a-update rect,.o-unknown rect{fill:var(--update-bg);stroke:var(--update)}
.a-replace rect{fill:var(--replace-bg);stroke:var(--replace)}
.a-delete rect,.o-failed rect{fill:var(--delete-bg);stroke:var(--delete)}
.a-read rect,.a-forget rect{fill:var(--read-bg);stroke:var(--read)}
`
