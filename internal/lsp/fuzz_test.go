package lsp

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/providers/memory"
)

const edited = `variable "v" { type = object({ a = list(string) }) }
locals { door = "🚪${var.v.a[0]}" }
module "m" { source = "./m" }
resource "memory_object" "web" {
  name  = "a-${local.door}-${upper(module.m.x)}"
  value = <<-EOT
    ${memory_object.other["x"].name} %{ if true }yes%{ endif }
  EOT
  for_each = { for k, v in { a = 1 } : k => v }
  lifecycle { ignore_changes = [value] }
}
data "memory_object" "d" { name = memory_object.web["a"].name }
`

// TestAnyEdit edits a text at random, as somebody does who types, pastes and deletes, and asks everything of every
// state of it. Nothing may panic, and every range must lie within the text.
func TestAnyEdit(t *testing.T) {
	p := memory.New(memory.NewWorld())()
	memories := docs.Provider{Name: "memory", Config: p.Schema()}
	for name, typ := range p.ResourceTypes() {
		memories.Types = append(memories.Types, docs.Type{Name: name, Schema: typ.Schema()})
	}
	catalog := []docs.Provider{memories}
	dir := t.TempDir()
	path := filepath.Join(dir, "main.mesh.hcl")
	if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	snippets := []string{"", "\"", "{", "}", "${", "%{", "[", "]", "(", ")", ".", "=", "\n", "🚪", "\xff", "<<EOT\n", "#", "/*", "resource \"memory_object\" \"", "dynamic \"x\" {", "var.", "local.", "each."}
	rapid.Check(t, func(t *rapid.T) {
		s := &server{workspace: newWorkspace(Options{Catalog: func() []docs.Provider { return catalog }, Check: func(context.Context, *config.Config) hcl.Diagnostics { return nil }})}
		txt := newText([]byte(edited))
		uri := toURI(path)
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			from := rapid.IntRange(0, len(txt.bytes)).Draw(t, "from")
			to := min(from+rapid.IntRange(0, 40).Draw(t, "length"), len(txt.bytes))
			by := rapid.SampledFrom(snippets).Draw(t, "by")
			txt = newText([]byte(string(txt.bytes[:from]) + by + string(txt.bytes[to:])))
			s.workspace.put(path, &document{uri: uri, path: path, text: txt})
			_, ds := s.workspace.check(t.Context(), dir)
			p := &publisher{server: s}
			for _, d := range ds {
				p.convert(d, s.workspace.module(dir).config.Files, s.workspace.openIn(dir))
			}
			at := txt.position(rapid.IntRange(0, len(txt.bytes)).Draw(t, "cursor"))
			params := positionParams{TextDocument: documentID{uri}, Position: at}
			for name, ask := range map[string]func(context.Context, positionParams) (any, error){
				"hover": s.hover, "completion": s.completion, "definition": s.definition, "references": s.references,
			} {
				if _, err := ask(t.Context(), params); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if _, err := s.symbols(t.Context(), documentParams{documentID{uri}}); err != nil {
				t.Fatal(err)
			}
			items, _ := s.completion(t.Context(), params)
			for _, i := range items.([]completionItem) {
				if r := i.TextEdit.Range; r.End != at || txt.offset(r.Start) > txt.offset(r.End) {
					t.Fatalf("the item %q replaces %+v at %+v", i.Label, r, at)
				}
			}
		}
	})
}
