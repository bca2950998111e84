package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/sourcegraph/jsonrpc2"

	"github.com/meshplan/meshplan/internal/diag"
)

// The client of these tests shares no code with the server: another JSON-RPC library, and types of its own.

type lspPosition struct{ Line, Character int }

type lspRange struct{ Start, End lspPosition }

type lspFinding struct {
	Range    lspRange
	Severity int
	Code     string
	Message  string
}

type lspItem struct {
	Label, SortText  string
	InsertTextFormat int
	TextEdit         struct {
		Range   lspRange
		NewText string
	}
}

type lspLocation struct {
	URI   string
	Range lspRange
}

// editor is a client.
type editor struct {
	t    *testing.T
	conn *jsonrpc2.Conn

	mu       sync.Mutex // guards what follows
	findings map[string][]lspFinding
	told     chan string // URIs, as they are published
}

func (e *editor) Handle(ctx context.Context, c *jsonrpc2.Conn, r *jsonrpc2.Request) {
	switch r.Method {
	case "textDocument/publishDiagnostics":
		var p struct {
			URI         string
			Diagnostics []lspFinding
		}
		if err := json.Unmarshal(*r.Params, &p); err != nil {
			e.t.Error(err)
		}
		e.mu.Lock()
		e.findings[p.URI] = p.Diagnostics
		e.mu.Unlock()
		e.told <- p.URI
	case "client/registerCapability":
		go c.Reply(ctx, r.ID, nil) // not here: this goroutine is the one that reads
	}
}

type twoWay struct {
	io.Reader
	io.WriteCloser
}

// newEditor starts a conversation and ends its first steps.
func newEditor(t *testing.T, in io.WriteCloser, out io.Reader) *editor {
	t.Helper()
	e := &editor{t: t, findings: map[string][]lspFinding{}, told: make(chan string, 1000)}
	e.conn = jsonrpc2.NewConn(t.Context(), jsonrpc2.NewBufferedStream(twoWay{out, in}, jsonrpc2.VSCodeObjectCodec{}), e)
	if err := e.conn.Call(t.Context(), "textDocument/hover", map[string]any{}, nil); err == nil || !strings.Contains(err.Error(), "not initialized") {
		t.Errorf("a request before initialize: %v", err)
	}
	var about struct {
		Capabilities map[string]any
		ServerInfo   struct{ Name string }
	}
	e.call("initialize", map[string]any{"processId": nil, "rootUri": nil, "capabilities": map[string]any{
		"workspace":    map[string]any{"didChangeWatchedFiles": map[string]any{"dynamicRegistration": true}},
		"textDocument": map[string]any{"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": true}}},
	}}, &about)
	if about.ServerInfo.Name != "meshplan" || about.Capabilities["hoverProvider"] != true {
		t.Errorf("initialize says %+v", about)
	}
	e.notify("initialized", map[string]any{})
	return e
}

func (e *editor) call(method string, params, result any) {
	e.t.Helper()
	if err := e.conn.Call(e.t.Context(), method, params, result); err != nil {
		e.t.Fatalf("%s: %v", method, err)
	}
}

func (e *editor) notify(method string, params any) {
	e.t.Helper()
	if err := e.conn.Notify(e.t.Context(), method, params); err != nil {
		e.t.Fatalf("%s: %v", method, err)
	}
}

func fileURI(path string) string { return "file://" + path }

func (e *editor) open(path, text string) {
	e.t.Helper()
	e.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": fileURI(path), "languageId": "hcl", "version": 1, "text": text}})
}

// change replaces all of a text.
func (e *editor) change(path, text string) {
	e.t.Helper()
	e.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": fileURI(path), "version": 2}, "contentChanges": []any{map[string]any{"text": text}}})
}

// settled waits until the findings of a file were published, and returns them.
func (e *editor) settled(path string) []lspFinding {
	e.t.Helper()
	for late := time.After(time.Minute); ; {
		select {
		case uri := <-e.told:
			if uri == fileURI(path) {
				e.mu.Lock()
				defer e.mu.Unlock()
				return e.findings[uri]
			}
		case <-late:
			e.t.Fatalf("no findings of %s were published", path)
		}
	}
}

// until waits until what is published of a file meets a condition.
func (e *editor) until(path string, met func([]lspFinding) bool) {
	e.t.Helper()
	for !met(e.settled(path)) {
	}
}

// at returns the position of a mark `|` in a text, and the text without it.
func at(t *testing.T, marked string) (string, lspPosition) {
	t.Helper()
	before, after, ok := strings.Cut(marked, "|")
	if !ok {
		t.Fatalf("no mark in %q", marked)
	}
	line := before[strings.LastIndex(before, "\n")+1:]
	return before + after, lspPosition{strings.Count(before, "\n"), len(utf16.Encode([]rune(line)))}
}

func place(path string, p lspPosition) map[string]any {
	return map[string]any{"textDocument": map[string]any{"uri": fileURI(path)}, "position": map[string]any{"line": p.Line, "character": p.Character}}
}

const editedRollout = `variable "ports" {
  type        = list(number)
  description = "Ports that are opened 🚪."
  default     = [80]
}

locals {
  door = "🚪🚪" # two units each
}

resource "kubernetes_namespace" "shop" {
  name = "shop"
}

resource "linkerd_server" "web" {
  name          = "web"
  namespace     = kubernetes_namespace.shop.name
  pod_selector  = { app = "web" }
  port          = var.ports[0]
  access_policy = "deny"
}

output "door" { value = "${local.door}${linkerd_server.web.access_policy}" }
`

// TestEditor starts the program as an editor does and talks to it.
func TestEditor(t *testing.T) {
	cmd := exec.Command("meshplan-k8s", "lsp")
	cmd.Env = []string{"KUBECONFIG=/nowhere", "HOME=/nowhere", "PATH=" + os.Getenv("PATH")}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	e := newEditor(t, in, out)
	dir := t.TempDir()
	main, extra := filepath.Join(dir, "main.mesh.hcl"), filepath.Join(dir, "extra.mesh.hcl")
	if err := os.WriteFile(extra, []byte("locals {\n  twice = \"${local.door}${local.door}\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	e.open(main, editedRollout) // it is not on disk
	if got := e.settled(main); len(got) != 0 {
		t.Fatalf("a sound rollout has findings: %+v", got)
	}
	t.Run("findings", func(t *testing.T) {
		e.change(main, strings.Replace(editedRollout, "\"🚪🚪\" #", "\"🚪🚪\" + local.nowhere #", 1))
		var got []lspFinding
		e.until(main, func(f []lspFinding) bool { got = f; return len(f) > 0 })
		want := lspRange{lspPosition{7, 18}, lspPosition{7, 31}}
		if len(got) != 1 || got[0].Range != want || got[0].Code == "" || got[0].Severity != 1 || !strings.Contains(got[0].Message, "nowhere") {
			t.Errorf("findings %+v, want one at %+v", got, want)
		}
		e.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": fileURI(main), "version": 3}, "contentChanges": []any{
			map[string]any{"range": map[string]any{"start": map[string]int{"line": 7, "character": 15}, "end": map[string]int{"line": 7, "character": 31}}, "text": ""},
		}})
		e.until(main, func(f []lspFinding) bool { return len(f) == 0 })
	})
	t.Run("hover", func(t *testing.T) {
		for line, want := range map[string]string{
			`resource "linkerd_ser|ver" "web"`:      "resource \"linkerd_server\"",
			`por|t          = var.ports[0]`:         "**port**",
			`port          = var.po|rts[0]`:         "Ports that are opened 🚪.",
			`"${loc|al.door}$`:                      "🚪🚪",
			`${linkerd_server.web.access_po|licy`:   "access_policy",
			`namespace     = kubernetes_names|pace`: "kubernetes_namespace.shop.name",
		} {
			before, after, _ := strings.Cut(line, "|")
			i := strings.Index(editedRollout, before+after)
			_, p := at(t, editedRollout[:i]+before+"|"+after)
			var got *struct{ Contents struct{ Value string } }
			e.call("textDocument/hover", place(main, p), &got)
			if got == nil || !strings.Contains(got.Contents.Value, want) {
				t.Errorf("hover at %s: %+v, want %q in it", line, got, want)
			}
		}
	})
	t.Run("definition and references", func(t *testing.T) {
		_, p := at(t, strings.Replace(editedRollout, "${local.door", "${local.do|or", 1))
		var def lspLocation
		e.call("textDocument/definition", place(main, p), &def)
		if def.URI != fileURI(main) || def.Range.Start != (lspPosition{7, 2}) {
			t.Errorf("definition at %+v", def)
		}
		var refs []lspLocation
		params := place(main, p)
		params["context"] = map[string]bool{"includeDeclaration": true}
		e.call("textDocument/references", params, &refs)
		files := map[string]int{}
		for _, r := range refs {
			files[r.URI]++
		}
		if files[fileURI(main)] != 2 || files[fileURI(extra)] != 2 {
			t.Errorf("references %+v", refs)
		}
	})
	t.Run("completion", func(t *testing.T) {
		for marked, want := range map[string][]string{
			"|":                     {"resource", "variable", "meshplan"},
			"resource \"linkerd_s|": {"linkerd_server"},
			"data \"kub|":           {"kubernetes_objects"},
			"resource \"linkerd_server\" \"x\" {\n  |":                               {"name", "port", "depends_on", "lifecycle"},
			"resource \"linkerd_server\" \"x\" {\n  lifecycle {\n    pre|\n  }\n}\n": {"prevent_destroy", "precondition"},
			"resource \"linkerd_server\" \"x\" {\n  access_policy = |\n}\n":          {"deny", "audit", "linkerd_server.web"},
			"resource \"linkerd_server\" \"x\" {\n  access_policy = \"d|\n}\n":       {"deny"},
			"resource \"linkerd_server\" \"x\" {\n  name = \"a-${var.|}\"\n":         {"ports"},
			"output \"x\" {\n  value = linkerd_server.|\n}\n":                        {"web"},
			"output \"x\" {\n  value = linkerd_server.web.|\n}\n":                    {"port", "access_policy"},
			"output \"x\" {\n  value = up|\n}\n":                                     {"upper"},
			"output \"x\" {\n  value = [for p in local.|\n":                          {"door", "twice"},
			"resource \"linkerd_server\" \"x\" {\n  depends_on = [kub|]\n}\n":        {"kubernetes_namespace.shop"},
			"meshplan {\n  backend \"kubernetes\" {\n    |":                          {"namespace", "encryption"},
			"provider \"|":              {"linkerd"},
			"meshplan {\n  backend \"|": {"kubernetes"},
			"resource \"kubernetes_manifest\" \"x\" {\n  manifest = {\n    a = 1 # 🚪\n  }\n  |":            {"on_destroy"},
			"resource \"kubernetes_manifest\" \"x\" {\n  dynamic \"wait\" {\n    for_each = []\n    |\n":   {"iterator", "content"},
			"resource \"linkerd_server\" \"x\" {\n  name = <<-EOT\n    { ${ \"}\" }\n  EOT\n  names|\n}\n": {"namespace"},
			"module \"m\" {\n  |\n}\n": {"source", "for_each"},
			"resource \"linkerd_authorization_policy\" \"x\" {\n  target = { kind = \"Server\", na|\n}\n":    {"name"},
			"resource \"linkerd_authorization_policy\" \"x\" {\n  target = {\n    |":                         {"kind", "name"},
			"resource \"linkerd_injection\" \"x\" {\n  config = {\n    \"proxy-await\" = \"enabled\"\n    |": {"proxy-cpu-request"},
			"check \"x\" {\n  assert {\n    condition = linkerd_server.web.|\n    error_message = \"\"\n  }": {"port"},
		} {
			text, p := at(t, editedRollout+marked)
			e.change(main, text)
			var items []lspItem
			e.call("textDocument/completion", place(main, p), &items)
			var labels []string
			for _, i := range items {
				labels = append(labels, i.Label)
				if i.TextEdit.Range.End != p {
					t.Errorf("completion at %q replaces %+v", marked, i.TextEdit.Range)
				}
			}
			for _, w := range want {
				if !slices.Contains(labels, w) {
					t.Errorf("completion at %q lacks %q: %q", marked, w, labels)
				}
			}
		}
		text, p := at(t, editedRollout+"resource \"linkerd_server\" \"x\" {\n  name = \"x\"\n  |\n}\n")
		e.change(main, text)
		var items []lspItem
		e.call("textDocument/completion", place(main, p), &items)
		slices.SortFunc(items, func(a, b lspItem) int { return strings.Compare(a.SortText, b.SortText) })
		if len(items) == 0 || !strings.HasPrefix(items[0].SortText, "0") || items[0].TextEdit.NewText != items[0].Label+" = " {
			t.Errorf("the first item is %+v", items)
		}
		for _, i := range items {
			if i.Label == "name" {
				t.Error("an argument that is there is offered again")
			}
		}
	})
	t.Run("symbols and formatting", func(t *testing.T) {
		e.change(main, "locals {\n  a=1\n\n}\nresource \"linkerd_server\" \"🚪\" {\n  name=1\n}\n")
		var symbols []struct {
			Name           string
			SelectionRange lspRange
			Children       []struct{ Name string }
		}
		e.call("textDocument/documentSymbol", place(main, lspPosition{}), &symbols)
		if len(symbols) != 2 || symbols[0].Children[0].Name != "local.a" || symbols[1].Name != "linkerd_server.🚪" || symbols[1].SelectionRange != (lspRange{lspPosition{4, 26}, lspPosition{4, 30}}) {
			t.Errorf("symbols %+v", symbols)
		}
		var edits []struct {
			Range   lspRange
			NewText string
		}
		e.call("textDocument/formatting", place(main, lspPosition{}), &edits)
		if len(edits) != 1 || !strings.Contains(edits[0].NewText, "  a = 1\n") || edits[0].Range != (lspRange{End: lspPosition{7, 0}}) {
			t.Errorf("formatting %+v", edits)
		}
		e.change(main, "locals {\n  a=\n")
		e.call("textDocument/formatting", place(main, lspPosition{}), &edits)
		if len(edits) != 0 {
			t.Errorf("a broken text is formatted: %+v", edits)
		}
	})

	var rpc *jsonrpc2.Error
	if err := e.conn.Call(t.Context(), "textDocument/unheardOf", map[string]any{}, nil); err == nil || !strings.Contains(err.Error(), "-32601") {
		t.Errorf("an unknown method: %v %v", err, rpc)
	}
	e.notify("$/cancelRequest", map[string]any{"id": 999})
	e.call("shutdown", nil, nil)
	if err := e.conn.Call(t.Context(), "textDocument/hover", place(main, lspPosition{}), nil); err == nil {
		t.Error("a request after shutdown is answered")
	}
	e.notify("exit", nil)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after shutdown and exit: %v\n%s", err, &errs)
	}
	if errs.Len() > 0 {
		t.Errorf("the server wrote to standard error: %s", &errs)
	}
}

// TestEditorGone closes the line without a word: the server ends, and says with its exit code that this was not right.
func TestEditorGone(t *testing.T) {
	if code := run(&app{in: strings.NewReader(""), out: io.Discard, err: io.Discard, registry: inMemory, now: time.Now}, []string{"lsp"}); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
}

// TestEditorAgreesWithValidate opens every wrong configuration and compares what is published with what validate says.
func TestEditorAgreesWithValidate(t *testing.T) {
	cases, err := filepath.Glob("testdata/wrong/*")
	if err != nil || len(cases) < 60 {
		t.Fatalf("found %d cases, %v", len(cases), err)
	}
	fromEditor, in := io.Pipe()
	out, toEditor := io.Pipe()
	ended := make(chan int)
	go func() {
		ended <- run(&app{in: fromEditor, out: toEditor, err: io.Discard, env: nil, registry: wrongRegistry, now: time.Now}, []string{"lsp"})
	}()
	e := newEditor(t, in, out)
	compared := 0
	for _, path := range cases {
		if _, err := os.Stat(filepath.Join(path, "args.txt")); err == nil {
			continue
		}
		dir, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*.mesh.hcl*"))
		if len(files) == 0 {
			continue
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		clear(e.findings)
		e.mu.Unlock()
		e.open(files[0], string(text))
		e.settled(files[0])
		e.change(files[0], string(text)) // whatever belongs to the first round has been published when the second one is
		e.settled(files[0])

		var stdout bytes.Buffer
		run(&app{in: strings.NewReader(""), out: &stdout, err: io.Discard, registry: wrongRegistry, now: time.Now}, []string{"validate", "--json", dir})
		var said struct{ Diagnostics []diag.JSON }
		if err := json.Unmarshal(stdout.Bytes(), &said); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, &stdout)
		}
		type found struct {
			File       string
			Start, End lspPosition
			Code       string
		}
		var want, got []found
		for _, d := range said.Diagnostics {
			f := found{File: files[0], Code: string(d.Code)}
			if d.Range != nil {
				f.File, f.Start, f.End = d.Range.Filename, positionOf(t, d.Range.Filename, d.Range.Start.Byte), positionOf(t, d.Range.Filename, d.Range.End.Byte)
			}
			want = append(want, f)
		}
		e.mu.Lock()
		for uri, ds := range e.findings {
			for _, d := range ds {
				got = append(got, found{strings.TrimPrefix(uri, "file://"), d.Range.Start, d.Range.End, d.Code})
			}
		}
		e.mu.Unlock()
		order := func(a, b found) int {
			x, _ := json.Marshal(a)
			y, _ := json.Marshal(b)
			return bytes.Compare(x, y)
		}
		slices.SortFunc(want, order)
		slices.SortFunc(got, order)
		if d := cmp.Diff(slices.Compact(want), slices.Compact(got)); d != "" {
			t.Errorf("%s (-validate +editor):\n%s", filepath.Base(path), d)
		}
		compared++
		e.notify("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": fileURI(files[0])}})
	}
	if compared < 60 {
		t.Errorf("only %d configurations were compared", compared)
	}
	e.call("shutdown", nil, nil)
	e.notify("exit", nil)
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// positionOf counts lines and UTF-16 units up to a byte of a file.
func positionOf(t *testing.T, path string, offset int) lspPosition {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before := string(b[:min(offset, len(b))])
	return lspPosition{strings.Count(before, "\n"), len(utf16.Encode([]rune(before[strings.LastIndex(before, "\n")+1:])))}
}
