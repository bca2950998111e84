package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/ui"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// console is what a command says: text, or messages for machines, or both.
type console struct {
	*ui.Terminal
	mode          ui.ProgressMode
	full, summary bool // --full, --summary
	only          []plans.Action
	// json is --json: the stream on standard output takes the place of all text.
	json    bool
	streams []*ui.Stream // on standard output, in the file of --json-into, on standard error
	file    *os.File
	files   map[string]*hcl.File // for snippets
	shown   map[string]*hcl.File // further ones, which hold no secrets
	types   render.Types         // what has a default
	notices *notices             // nil where no view is opened
	trail   ui.Trail             // what failing steps said
	// ahead is the text of the plan that will be shown next, when it is written beforehand.
	ahead <-chan func(io.Writer) error
}

func (a *app) terminal() *ui.Terminal {
	color, _ := ui.ParseColor(a.color) // checked before the command ran
	return ui.Detect(a.in, a.out, a.err, a.getenv, color)
}

// console opens what the flags ask for. It is closed with close.
func (a *app) console(cmd *cobra.Command, f *outputFlags) (*console, error) {
	mode, err := ui.ParseProgress(f.progress)
	if err != nil {
		return nil, usageError(cmd, fmt.Errorf("--progress: %w", err))
	}
	if mode == ui.ProgressAuto && a.getenv("MESHPLAN_LOG") != "" && a.logFile == "" {
		mode = ui.ProgressPlain // a region that is drawn again and a log would destroy each other
	}
	only, err := actions(f.only)
	if err != nil {
		return nil, usageError(cmd, err)
	}
	c := &console{Terminal: a.terminal(), mode: mode, full: f.full, summary: f.summary, only: only, json: f.json, types: a.types(), notices: &a.notices}
	a.notices.setQuiet(f.json || mode == ui.ProgressJSON || mode == ui.ProgressQuiet)
	stream := func(w io.Writer) { c.streams = append(c.streams, ui.NewStream(w, readVersion().Version, a.now)) }
	if f.json {
		stream(a.out)
	}
	if f.jsonInto != "" {
		if c.file, err = os.OpenFile(f.jsonInto, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
			return nil, fmt.Errorf("--json-into: %w", err)
		}
		stream(c.file)
	}
	if mode == ui.ProgressJSON && !f.json {
		stream(a.err)
	}
	return c, nil
}

// close ends the streams.
func (c *console) close(err *error) {
	if c.file == nil {
		return
	}
	if e := c.file.Close(); e != nil && *err == nil {
		*err = fmt.Errorf("--json-into: %w", e)
	}
}

// view shows the events of one phase. It must be closed before anything else is written.
func (c *console) view() ui.View {
	var views []ui.View
	for _, s := range c.streams {
		views = append(views, ui.NewStreamView(s))
	}
	if !c.json && c.mode != ui.ProgressJSON {
		views = append(views, ui.NewView(c.mode, c.Terminal), ui.Quietly(&c.trail))
	}
	return c.notices.through(ui.Tee(views...))
}

// diagnostics shows findings.
func (c *console) diagnostics(ds hcl.Diagnostics) {
	files := c.snippets()
	for _, s := range c.streams {
		s.Diagnostics(ds, files)
	}
	if !c.json && len(ds) > 0 {
		_ = diag.WriteText(c.Err, ds, diag.TextOptions{Files: files, Width: c.Width, Paint: c.ErrPaint, ASCII: c.ASCII})
	}
}

// snippets leaves out files of variables: the line that is wrong may hold a secret.
func (c *console) snippets() map[string]*hcl.File {
	out := map[string]*hcl.File{}
	maps.Copy(out, c.shown)
	for name, f := range c.files {
		if strings.HasSuffix(name, ".mesh.hcl") || strings.HasSuffix(name, ".mesh.hcl.json") {
			out[name] = f
		}
	}
	return out
}

// plan shows a plan.
func (c *console) plan(p *plans.Plan) error {
	for _, s := range c.streams {
		if note := render.OfflineNote(p); note != "" {
			s.Log(note)
		}
		s.Plan(p)
	}
	if c.json {
		return nil
	}
	if c.ahead != nil {
		text := <-c.ahead
		c.ahead = nil
		return text(c.Out)
	}
	return c.render(c.Out, p)
}

func (c *console) render(w io.Writer, p *plans.Plan) error {
	return render.Text(w, p, render.TextOptions{Width: c.Width, Paint: c.OutPaint, Full: c.full, Summary: c.summary, Only: c.only, Types: c.types})
}

// prepare begins to write the text of the plan that will be shown next, beside what comes before that.
func (c *console) prepare(p *plans.Plan) {
	if c.json {
		return
	}
	ahead := make(chan func(io.Writer) error, 1)
	c.ahead = ahead
	go func() {
		var text bytes.Buffer
		err := c.render(&text, p)
		ahead <- func(w io.Writer) error {
			_, more := text.WriteTo(w)
			return errors.Join(err, more)
		}
	}()
}

// result shows how a run ended, with what can be done next when it did not end well.
func (c *console) result(r *engine.Result, next []ui.Next) {
	for _, s := range c.streams {
		s.Result(r)
	}
	if c.json {
		return
	}
	if next == nil {
		ui.Success(c.Out, r, c.OutPaint)
		return
	}
	ui.Failure(c.Terminal, r, &c.trail, next)
}

// gap sets what follows apart from the progress above it.
func (c *console) gap() {
	if !c.json && c.mode != ui.ProgressJSON && c.mode != ui.ProgressQuiet {
		fmt.Fprintln(c.Err)
	}
}

// say writes a remark for people.
func (c *console) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, s := range c.streams {
		s.Log(text)
	}
	if !c.json {
		fmt.Fprintln(c.Err, text)
	}
}
