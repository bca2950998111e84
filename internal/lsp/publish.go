package lsp

import (
	"context"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// publishing looks for findings whenever something has changed, until ctx ends. It is one goroutine: changes that come
// while it works are dealt with together afterwards, so that fast typing does not pile up work.
func (s *server) publishing(ctx context.Context) {
	p := &publisher{server: s, said: map[string]map[string][]diagnostic{}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.workspace.wake:
		}
		for _, dir := range s.workspace.take() {
			p.directory(ctx, dir)
		}
	}
}

// publisher remembers what it has said, to take it back.
type publisher struct {
	*server
	said map[string]map[string][]diagnostic // by URI, then by the directory whose check found it
}

// directory publishes the findings of a directory that has open documents, and takes those of another one back.
func (p *publisher) directory(ctx context.Context, dir string) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("check failed", "directory", dir, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	open := p.workspace.openIn(dir)
	found := map[string][]diagnostic{}
	if len(open) > 0 {
		c, ds := p.workspace.check(ctx, dir)
		for _, d := range diag.Sort(ds) {
			uri, out := p.convert(d, c.Files, open)
			found[uri] = append(found[uri], out)
		}
	}
	if ctx.Err() != nil {
		return
	}
	for _, d := range open {
		if found[d.uri] == nil {
			found[d.uri] = []diagnostic{}
		}
	}
	for uri, by := range p.said {
		if by[dir] != nil && found[uri] == nil {
			found[uri] = nil
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(found)) {
		if p.said[uri] == nil {
			p.said[uri] = map[string][]diagnostic{}
		}
		p.said[uri][dir] = found[uri]
		if found[uri] == nil {
			delete(p.said[uri], dir)
		}
		p.publish(ctx, uri)
	}
}

// publish says everything that is known of one file, each finding once.
func (p *publisher) publish(ctx context.Context, uri string) {
	out := publishDiagnosticsParams{URI: uri, Diagnostics: []diagnostic{}}
	for _, dir := range slices.Sorted(maps.Keys(p.said[uri])) {
		for _, d := range p.said[uri][dir] {
			if !slices.Contains(out.Diagnostics, d) {
				out.Diagnostics = append(out.Diagnostics, d)
			}
		}
	}
	if len(p.said[uri]) == 0 {
		delete(p.said, uri)
	}
	if d := p.workspace.document(uri); d != nil {
		out.Version = &d.version
	}
	if err := p.rpc.Notify(ctx, "textDocument/publishDiagnostics", out); err != nil && ctx.Err() == nil {
		p.log.Debug("findings were not delivered", "error", err)
	}
}

// convert returns a finding and the file that it belongs to. One without a place stands at the start of an open file.
func (p *publisher) convert(d *hcl.Diagnostic, files map[string]*hcl.File, open []*document) (string, diagnostic) {
	out := diagnostic{Severity: severityError, Code: string(diag.CodeOf(d)), Source: "meshplan", Message: d.Summary}
	if d.Severity == hcl.DiagWarning {
		out.Severity = severityWarning
	}
	if d.Detail != "" {
		out.Message += "\n\n" + d.Detail
	}
	if a := diag.AddressOf(d); a != "" {
		out.Message += "\n\nWith " + a + "."
	}
	out.Message = diag.Scrub(out.Message)
	if d.Subject == nil {
		return open[0].uri, out
	}
	if f := files[d.Subject.Filename]; f != nil {
		out.Range = newText(f.Bytes).span(*d.Subject)
	} else if b, err := os.ReadFile(d.Subject.Filename); err == nil { // a file of variables
		out.Range = newText(b).span(*d.Subject)
	}
	for _, o := range open {
		if o.path == d.Subject.Filename {
			return o.uri, out // as the editor writes it
		}
	}
	return toURI(d.Subject.Filename), out
}
