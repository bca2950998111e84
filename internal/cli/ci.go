package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/ci"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// ciFlags say what is written for a build system, beside what is shown. Nothing is sent anywhere.
type ciFlags struct {
	reports      reportFlags
	comment      string
	mode         string
	onNoChanges  bool
	key, link    string
	summary      bool
	annotate     bool
	changedFiles string
}

func (f *ciFlags) add(cmd *cobra.Command) {
	f.reports.add(cmd, "gitlab-terraform", "sarif", "md", "html", "json")
	fs := cmd.Flags()
	fs.StringVar(&f.comment, "comment-file", "", "write the payload of a comment on a pull request to a `file`, at most 60,000 bytes; a workflow posts it")
	fs.StringVar(&f.mode, "comment-mode", string(ci.UpdateComment), "`how` the comment treats an earlier one: update, new or none")
	fs.BoolVar(&f.onNoChanges, "comment-on-no-changes", false, "write a comment when there is nothing to change as well; otherwise an earlier one is updated only")
	fs.StringVar(&f.key, "comment-key", "", "`key` that tells comments of one pull request apart (default: directory and context)")
	fs.StringVar(&f.link, "link", "", "`address` of the whole plan, for comments and summaries (default: the page of the run)")
	fs.BoolVar(&f.summary, "step-summary", false, "append the plan to the summary of a step of GitHub's workflows, the file in GITHUB_STEP_SUMMARY")
	fs.BoolVar(&f.annotate, "annotations", false, "write findings to standard error as annotations of GitHub's workflows")
	fs.StringVar(&f.changedFiles, "changed-files", "", "`file` with the names of changed files, one a line, whose findings are annotated first")
	completeWords(cmd, "comment-mode", "update", "new", "none")
}

// check refuses what cannot be meant.
func (f *ciFlags) check() error {
	if !slices.Contains([]ci.CommentMode{ci.UpdateComment, ci.NewComment, ci.NoComment}, ci.CommentMode(f.mode)) {
		return fmt.Errorf("--comment-mode must be update, new or none, not %q", f.mode)
	}
	return f.reports.check()
}

// asked reports whether anything is to be written.
func (f *ciFlags) asked() bool {
	return f.comment != "" || f.summary || f.annotate || len(f.reports.values) > 0
}

// published is a plan, or what stopped it, with what is known around it.
type published struct {
	plan      *plans.Plan // nil when planning failed
	ds        hcl.Diagnostics
	files     map[string]*hcl.File
	dir       string
	context   string
	reproduce string
	shown     bool // an old plan: it is no result of this step
}

// publish writes what the flags ask for, and the outputs of the step where a workflow runs. It returns the exit code of
// the command, which is another one when something cannot be written.
func (a *app) publish(c *console, f *ciFlags, p *published, code int) int {
	ds := a.writeForCI(f, p)
	c.diagnostics(ds)
	if ds.HasErrors() && (code == exitOK || code == exitChanges) {
		return exitFailure
	}
	return code
}

func (a *app) writeForCI(f *ciFlags, p *published) (ds hcl.Diagnostics) {
	env := ci.Detect(a.getenv)
	if !f.asked() && (env.Output == "" || p.shown) {
		return nil // the hash of a large plan costs as much as a third of making it
	}
	r, hash, err := a.ciResult(f, p, env)
	if err != nil {
		return diag.FromError(CodeReport, "Plan cannot be written", err, nil)
	}
	fail := func(err error) {
		if err != nil {
			ds = append(ds, diag.FromError(CodeReport, "Report cannot be written", err, nil)...)
		}
	}
	if f.comment != "" {
		body, err := ci.Comment(r, ci.CommentOptions{Mode: ci.CommentMode(f.mode), Key: f.commentKey(p, r.Place), Revision: env.Revision, OnNoChanges: f.onNoChanges})
		if fail(err); err == nil && body == nil {
			body = []byte{} // an old payload must not be posted in its place
		}
		if err == nil {
			fail(os.WriteFile(f.comment, body, 0o644))
		}
	}
	if f.summary {
		fail(summarize(env.Summary, r))
	}
	if env.Output != "" && !p.shown {
		fail(appendTo(env.Output, func(w io.Writer) error { return ci.Outputs(w, p.plan, hash) }))
	}
	if f.annotate {
		names, err := lines(f.changedFiles)
		fail(err)
		fail(ci.Annotations(a.err, r.Findings, r.Place, names))
	}
	return append(ds, f.reports.write(func(kind string, w io.Writer) error { return a.ciReport(kind, w, r) })...)
}

func (a *app) ciResult(f *ciFlags, p *published, env ci.Environment) (r *ci.Result, hash string, err error) {
	r = &ci.Result{Plan: p.plan, Findings: ci.FromDiagnostics(p.ds, p.files), Place: a.place(p.files)}
	r.Options = render.MarkdownOptions{Context: p.context, Link: f.link, Reproduce: p.reproduce, Revision: env.Revision, Types: a.types()}
	if r.Options.Link == "" {
		r.Options.Link = env.RunURL
	}
	if p.plan != nil {
		hash, err = p.plan.Hash()
		r.Options.PlanHash = hash
	}
	return r, hash, err
}

// ciReport writes one of the reports about a plan. A plan that failed has findings only.
func (a *app) ciReport(kind string, w io.Writer, r *ci.Result) error {
	switch {
	case kind == "sarif":
		f := findings{list: r.Findings, place: r.Place}
		return f.report("sarif", w)
	case kind == "md":
		return r.Markdown(w, ci.MaxSummary)
	case r.Plan == nil:
		return nil // an empty file: there is no plan to write
	case kind == "html":
		return render.HTML(w, r.Plan, render.HTMLOptions{Types: r.Options.Types})
	case kind == "json":
		return render.JSON(w, r.Plan)
	}
	return ci.GitLab(w, r.Plan)
}

// commentKey tells this configuration and cluster apart from others of the same repository.
func (f *ciFlags) commentKey(p *published, place ci.Place) string {
	if f.key != "" {
		return f.key
	}
	key := p.dir
	if rel, err := filepath.Rel(place.Root, filepath.Join(place.Dir, p.dir)); err == nil && place.Root != "" && !filepath.IsAbs(p.dir) {
		key = filepath.ToSlash(rel)
	}
	if key == "." || key == "" {
		key = "root"
	}
	if p.context != "" {
		key += "/" + p.context
	}
	return key
}

// summarize appends to the summary of a step what still fits.
func summarize(file string, r *ci.Result) error {
	if file == "" {
		return fmt.Errorf("--step-summary needs the environment variable GITHUB_STEP_SUMMARY, which names the file to append to")
	}
	limit := ci.MaxSummary
	if info, err := os.Stat(file); err == nil {
		limit = max(min(limit, 1<<20-1024-int(info.Size())), 2000)
	}
	return appendTo(file, func(w io.Writer) error { return r.Markdown(w, limit) })
}

func appendTo(file string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// lines reads the names in a file; "" has none.
func lines(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	return strings.Split(strings.ReplaceAll(string(text), "\r", ""), "\n"), err
}
