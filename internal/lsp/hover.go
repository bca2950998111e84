package lsp

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
)

var anyType = cty.DynamicPseudoType

func (s *server) hover(_ context.Context, p positionParams) (any, error) {
	v := s.workspace.view(p.TextDocument.URI)
	if v == nil || v.body == nil {
		return nil, nil
	}
	text, at := s.explain(v, locate(v.body, v.text.offset(p.Position)))
	if text == "" {
		return nil, nil
	}
	return hover{Contents: markdown(text), Range: v.text.span(at)}, nil
}

// explain says what lies at a spot, in Markdown, and where it ends.
func (s *server) explain(v *view, at spot) (string, hcl.Range) {
	w := s.workspace
	switch {
	case at.function != nil:
		return functionMarkdown(at.function.Name), at.function.NameRange
	case at.traversal != nil:
		if ref, ok := reference(at.traversal.Traversal); ok {
			return w.referenceMarkdown(v, ref), ref.Range
		}
	case at.name:
		return w.argumentMarkdown(v, at), at.attribute.NameRange
	case at.keyword:
		b := at.blocks[len(at.blocks)-1]
		content, about, ok := w.content(headers(at.blocks))
		if !ok || len(at.blocks) == 1 {
			content = &schema.Block{} // the types are explained by their labels
		}
		if about == "" {
			return "", b.TypeRange
		}
		return docs.BlockMarkdown(b.Type, about, content), b.TypeRange
	case at.label == 0:
		b := at.blocks[len(at.blocks)-1]
		for _, t := range docs.Find(w.catalog(), b.Labels[0]) {
			if t.Keyword() == b.Type && len(at.blocks) == 1 {
				return docs.TypeMarkdown(t), b.LabelRanges[0]
			}
		}
	}
	return "", hcl.Range{}
}

// argumentMarkdown explains the name of an argument.
func (w *workspace) argumentMarkdown(v *view, at spot) string {
	name := at.attribute.Name
	content, _, ok := w.content(headers(at.blocks))
	if ok && content.Attributes[name] != nil {
		return docs.AttributeMarkdown(name, content.Attributes[name])
	}
	if len(at.blocks) != 1 {
		return ""
	}
	switch b := at.blocks[0]; b.Type {
	case "module":
		if child := called(v.module, b.Labels); child != nil && child.Variables[name] != nil {
			return variableMarkdown(child.Variables[name])
		}
	case "locals":
		if l := v.module.Locals[name]; l != nil {
			return w.localMarkdown(l)
		}
	}
	return ""
}

// called returns the module that a call block names.
func called(m *config.Module, labels []string) *config.Module {
	if len(labels) == 0 || m.Calls[labels[0]] == nil {
		return nil
	}
	return m.Calls[labels[0]].Module
}

// referenceMarkdown explains what a reference names.
func (w *workspace) referenceMarkdown(v *view, r lang.Reference) string {
	m := v.module
	switch r.Kind {
	case lang.RefVar:
		if x := m.Variables[r.Name]; x != nil {
			return variableMarkdown(x)
		}
	case lang.RefLocal:
		if x := m.Locals[r.Name]; x != nil {
			return w.localMarkdown(x)
		}
	case lang.RefModule:
		return w.moduleMarkdown(m, r)
	case lang.RefResource, lang.RefData:
		return w.resourceMarkdown(m, r)
	case lang.RefEach:
		return "**each." + r.Name + "**\n\nThe " + r.Name + " of the element of for_each that this instance stands for."
	case lang.RefCount:
		return "**count.index**\n\nThe number of this instance, from 0."
	case lang.RefPath:
		return map[string]string{"module": "**path.module**\n\nThe directory of this module, relative to the root module.", "root": "**path.root**\n\nThe directory of the root module.",
			"cwd": "**path.cwd**\n\nThe working directory."}[r.Name]
	case lang.RefSelf:
		return "**self**\n\nThe object of this block, in its postconditions."
	}
	return ""
}

func variableMarkdown(v *config.Variable) string {
	out := fmt.Sprintf("**var.%s** (%s", v.Name, typeexpr.TypeString(v.Type))
	for _, f := range []struct {
		is   bool
		text string
	}{{v.Required(), "required"}, {v.Sensitive, "sensitive"}, {v.Ephemeral, "ephemeral"}} {
		if f.is {
			out += ", " + f.text
		}
	}
	out += ")"
	if v.Description != "" {
		out += "\n\n" + v.Description
	}
	if v.Deprecated != "" {
		out += "\n\nDeprecated: " + v.Deprecated
	}
	return out
}

// maxShownBytes is how much of an expression is shown.
const maxShownBytes = 400

func (w *workspace) localMarkdown(l *config.Local) string {
	return "**local." + l.Name + "**" + w.source(l.Range)
}

// source quotes a part of a file, when it is short.
func (w *workspace) source(r hcl.Range) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.modules {
		f := m.config.Files[r.Filename]
		if f == nil || r.Start.Byte < 0 || r.End.Byte > len(f.Bytes) || r.End.Byte < r.Start.Byte {
			continue
		}
		text := string(f.Bytes[r.Start.Byte:r.End.Byte])
		if len(text) > maxShownBytes {
			text = strings.ToValidUTF8(text[:maxShownBytes], "") + " …"
		}
		return "\n\n```hcl\n" + text + "\n```"
	}
	return ""
}

func (w *workspace) moduleMarkdown(m *config.Module, r lang.Reference) string {
	call := m.Calls[r.Name]
	if call == nil {
		return ""
	}
	if len(r.Remaining) > 0 && call.Module != nil {
		if a, ok := r.Remaining[0].(hcl.TraverseAttr); ok && call.Module.Outputs[a.Name] != nil {
			o := call.Module.Outputs[a.Name]
			return strings.TrimSpace(fmt.Sprintf("**module.%s.%s**\n\n%s", call.Name, o.Name, o.Description))
		}
	}
	return fmt.Sprintf("**module.%s**\n\nThe directory `%s`.", call.Name, call.Source)
}

// resourceMarkdown explains the attribute that a reference ends at, or the resource.
func (w *workspace) resourceMarkdown(m *config.Module, r lang.Reference) string {
	content, ok := docs.Content(w.catalog(), keyword(r.Resource), r.Resource.Type)
	if !ok {
		return ""
	}
	about := ""
	for _, t := range docs.Find(w.catalog(), r.Resource.Type) {
		if t.Keyword() == keyword(r.Resource) {
			about = t.Schema.Summary
		}
	}
	if m.Resources[r.Resource] == nil {
		about += "\n\nThis directory declares no such block."
	}
	for _, step := range r.Remaining {
		a, isAttr := step.(hcl.TraverseAttr)
		if !isAttr {
			continue
		}
		if at := content.Attributes[a.Name]; at != nil {
			return docs.AttributeMarkdown(r.Resource.String()+"."+a.Name, at)
		}
		inner := content.Blocks[a.Name]
		if inner == nil {
			break
		}
		content, about = &inner.Block, docs.BlockSummary(inner)
	}
	return "**" + r.Resource.String() + "**\n\n" + about
}

func keyword(r addr.Resource) string {
	if r.Mode == addr.Data {
		return "data"
	}
	return "resource"
}

// functionMarkdown explains a function.
func functionMarkdown(name string) string {
	name = strings.TrimPrefix(name, "core::")
	for _, d := range lang.Documentation() {
		if d.Name != name {
			continue
		}
		out := fmt.Sprintf("```hcl\n%s\n```\n\n%s", d.Signature, d.Description)
		if d.Example != "" {
			out += fmt.Sprintf("\n\n```hcl\n%s\n# %s\n```", d.Example, strings.ReplaceAll(d.Result, "\n", "\n# "))
		}
		return out
	}
	return ""
}
