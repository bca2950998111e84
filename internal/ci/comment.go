package ci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// MaxComment bounds a comment in bytes. GitHub takes 65,536 characters.
const MaxComment = 60_000

// MaxSummary bounds what one command adds to the summary of a step in bytes. GitHub takes 1 MiB for each step.
const MaxSummary = 1_000_000

// Class is what a result means to somebody who follows a pull request. A comment that stays in its class is edited; one
// of another class is posted anew, so that people are told.
type Class string

// The classes.
const (
	NoChanges Class = "no-changes"
	Changes   Class = "changes"
	Destroys  Class = "destroys"
	Failed    Class = "failed"
)

// ClassOf returns the class of a plan; nil is a plan that failed.
func ClassOf(p *plans.Plan) Class {
	switch {
	case p == nil:
		return Failed
	case p.Empty():
		return NoChanges
	}
	if n := p.Counts(); n.Delete > 0 || n.Replace > 0 {
		return Destroys
	}
	return Changes
}

// CommentMode says what becomes of an earlier comment about the same thing.
type CommentMode string

// The modes.
const (
	UpdateComment CommentMode = "update" // edit it
	NewComment    CommentMode = "new"    // leave it and write another
	NoComment     CommentMode = "none"   // write nothing at all
)

// Result is what a command has found: a plan, or the findings that stopped it.
type Result struct {
	Plan     *plans.Plan // nil when planning failed
	Findings []Finding
	Place    Place
	Options  render.MarkdownOptions // MaxBytes is set here
}

// Markdown writes a result in at most limit bytes: a plan as render.Markdown does, a failure as the list of what was
// found, the worst first.
func (r *Result) Markdown(w io.Writer, limit int) error {
	o := r.Options
	o.MaxBytes = limit
	if r.Plan != nil {
		return render.Markdown(w, r.Plan, o)
	}
	var b strings.Builder
	b.WriteString("### " + render.Prose(nonEmpty(o.Title, "meshplan")) + ": plan failed")
	if o.Context != "" {
		b.WriteString(" · " + render.Prose(o.Context))
	}
	b.WriteString("\n\n")
	const room = 200
	fs := worst(r.Findings)
	for i := range fs {
		f := &fs[i]
		line := "- **" + map[Level]string{Error: "Error", Warning: "Warning"}[f.Level] + ":** " + render.Prose(f.Summary)
		if f.Address != "" {
			line += " " + render.Code(f.Address)
		}
		if file, at, _ := r.Place.position(f); f.Range != nil {
			line += fmt.Sprintf(" on %s line %d", render.Code(file), at)
		}
		line += " " + render.Code("["+string(f.Code)+"]") + ". " + render.Prose(f.Detail) + "\n"
		if b.Len()+len(line) > limit-room {
			fmt.Fprintf(&b, "\n%d more findings omitted; the log of the run has them.\n", len(fs)-i)
			break
		}
		b.WriteString(line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func nonEmpty(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// CommentOptions say how a comment is kept up to date. The zero value edits, and creates none to say that nothing changes.
type CommentOptions struct {
	Mode CommentMode
	// Key tells the comments of one pull request apart; usually directory and cluster.
	Key         string
	Revision    string
	OnNoChanges bool
}

// Comment returns the payload that posts a result as a comment, which GitHub and GitLab take as it is: {"body": …}. It is
// nil when nothing is to be said. The first line of the body is a marker that nobody sees:
//
//	<!-- meshplan:comment v1 key=prod/default class=changes sha=… only=update -->
//
// Whoever posts it looks for a comment of its own whose marker has the same key: it edits one of the same class, and takes
// the place of one of another class. With only=update it creates none. A comment without a marker is always new.
func Comment(r *Result, o CommentOptions) ([]byte, error) {
	class := ClassOf(r.Plan)
	quiet := class == NoChanges && !o.OnNoChanges && len(r.Plan.Warnings) == 0
	if o.Mode == NoComment || o.Mode == NewComment && quiet {
		return nil, nil
	}
	var b bytes.Buffer
	if o.Mode != NewComment {
		fmt.Fprintf(&b, "<!-- meshplan:comment v1 key=%s class=%s", word(nonEmpty(o.Key, "default")), class)
		if o.Revision != "" {
			b.WriteString(" sha=" + word(o.Revision))
		}
		if quiet {
			b.WriteString(" only=update")
		}
		b.WriteString(" -->\n")
	}
	if err := r.Markdown(&b, MaxComment-b.Len()); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(map[string]string{"body": b.String()})
	return out.Bytes(), err
}

// word makes a text safe within the marker: one word that cannot end the comment of HTML.
func word(s string) string {
	var b strings.Builder
	dash := false
	for _, r := range s {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '/'
		switch {
		case plain:
			b.WriteRune(r)
		case !dash:
			b.WriteByte('-')
		}
		dash = !plain
	}
	return firstOf(b.String(), 200)
}

func firstOf(s string, n int) string { return s[:min(len(s), n)] }
