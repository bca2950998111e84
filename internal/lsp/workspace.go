package lsp

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/docs"
)

// workspace holds the texts that are open in the editor, and what was read of the directories that they lie in.
type workspace struct {
	options Options
	catalog func() []docs.Provider

	mu      sync.Mutex // guards what follows
	open    map[string]*document
	modules map[string]*module // by directory; emptied by every change, since modules hold each other's files
	dirty   map[string]bool    // directories whose findings have to be looked for again

	wake chan struct{} // has room for one
}

// document is an open text.
type document struct {
	uri     string
	path    string
	version int
	text    *text
}

// module is a directory as it was read last.
type module struct {
	config *config.Config
	found  hcl.Diagnostics // by the loader
}

func newWorkspace(o Options) *workspace {
	return &workspace{options: o, catalog: sync.OnceValue(o.Catalog), open: map[string]*document{}, modules: map[string]*module{}, dirty: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// configuration reports whether a file belongs to a rollout.
func configuration(path string) bool {
	return strings.HasSuffix(path, ".mesh.hcl") || strings.HasSuffix(path, ".mesh.hcl.json")
}

// put makes a text the content of a document. nil closes it.
func (w *workspace) put(path string, d *document) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d == nil {
		delete(w.open, path)
	} else {
		w.open[path] = d
	}
	w.touch(filepath.Dir(path))
}

// touch forgets what was read and marks the directory of a change and those of all open documents: one may be a module of
// the other. The caller holds mu.
func (w *workspace) touch(dirs ...string) {
	clear(w.modules)
	for _, dir := range dirs {
		w.dirty[dir] = true
	}
	for path := range w.open {
		w.dirty[filepath.Dir(path)] = true
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// changed is called when files have changed on disk.
func (w *workspace) changed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.touch()
}

// document returns an open text.
func (w *workspace) document(uri string) *document {
	path, ok := toPath(uri)
	if !ok {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open[path]
}

// take returns the directories whose findings are out of date, sorted, and takes them for done.
func (w *workspace) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	dirs := slices.Sorted(maps.Keys(w.dirty))
	clear(w.dirty)
	return dirs
}

// module returns the content of a directory with the open texts laid over it. It is never nil.
func (w *workspace) module(dir string) *module {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.modules[dir]; m != nil {
		return m
	}
	overlay := make(map[string][]byte, len(w.open))
	for path, d := range w.open {
		overlay[path] = d.text.bytes
	}
	m := &module{}
	m.config, m.found = config.Load(dir, config.Options{Version: w.options.Version, Overlay: overlay})
	w.modules[dir] = m
	return m
}

// openIn returns the open documents of a directory, by path.
func (w *workspace) openIn(dir string) []*document {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*document
	for _, path := range slices.Sorted(maps.Keys(w.open)) {
		if filepath.Dir(path) == dir && configuration(path) {
			out = append(out, w.open[path])
		}
	}
	return out
}

// check returns the configuration in a directory and everything that is wrong with it, in the way of validate.
func (w *workspace) check(ctx context.Context, dir string) (*config.Config, hcl.Diagnostics) {
	m := w.module(dir)
	if m.found.HasErrors() {
		return m.config, m.found
	}
	return m.config, slices.Concat(m.found, w.options.Check(ctx, m.config))
}

// view is a document in its module, for one request.
type view struct {
	*document
	dir    string
	module *config.Module
	config *config.Config
	body   *hclsyntax.Body // what could be parsed of the text; nil in the JSON syntax
}

// view returns what is known about a document, or nil when it is no open text of a rollout.
func (w *workspace) view(uri string) *view {
	d := w.document(uri)
	if d == nil || !configuration(d.path) {
		return nil
	}
	v := &view{document: d, dir: filepath.Dir(d.path)}
	v.config = w.module(v.dir).config
	v.module = v.config.Root
	v.body = native(v.config, d.path)
	return v
}

// native returns the syntax tree of a file in the native syntax.
func native(c *config.Config, path string) *hclsyntax.Body {
	if f := c.Files[path]; f != nil {
		body, _ := f.Body.(*hclsyntax.Body)
		return body
	}
	return nil
}
