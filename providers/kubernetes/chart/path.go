package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/ignore"

	"github.com/meshplan/meshplan/internal/diag"
)

// Limits on what is read. The larger ones are Helm's.
const (
	maxPackedBytes = 64 << 20  // a packaged chart
	maxChartBytes  = 100 << 20 // all files of a chart
	maxFileBytes   = 5 << 20   // one file of a chart
	maxDepth       = 32        // nested directories, also through symbolic links
)

// readPath reads a chart directory into files, or a packaged chart into packed. It stays inside base whatever
// symbolic links say.
func readPath(ctx context.Context, p, base string) (files []*archive.BufferedFile, packed []byte, ds hcl.Diagnostics) {
	fail := func(d *hcl.Diagnostic) ([]*archive.BufferedFile, []byte, hcl.Diagnostics) {
		return nil, nil, hcl.Diagnostics{diag.At(d, cty.GetAttrPath("path"))}
	}
	clean := path.Clean(filepath.ToSlash(p))
	if !filepath.IsLocal(filepath.FromSlash(clean)) {
		return fail(diag.Errorf(CodeOutside, "Chart outside the configuration directory",
			"The path %q leads out of the configuration directory. Move the chart into it, or publish it in a repository.", p))
	}
	if base == "" {
		base = "."
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return fail(diag.Errorf(CodeNotFound, "Configuration directory cannot be read", "%s.", scrub(err)))
	}
	defer root.Close()
	info, err := root.Stat(clean)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(missing(root, clean, base))
	case err != nil:
		return fail(unreadable(p, err))
	case !info.IsDir():
		if packed, err = readFile(root, clean, maxPackedBytes); err != nil {
			return fail(unreadable(p, err))
		}
		return nil, packed, nil
	}
	if _, err := root.Stat(path.Join(clean, "Chart.yaml")); err != nil {
		return fail(diag.Errorf(CodeNotFound, "No chart here", "The directory %q holds no Chart.yaml.%s", p, suggest(root, clean)))
	}
	w := walker{ctx: ctx, root: root, top: clean, budget: maxChartBytes}
	if err := w.start(); err != nil {
		return fail(unreadable(p, err))
	}
	return w.files, nil, nil
}

// missing explains that nothing is at p and names charts nearby.
func missing(root *os.Root, p, base string) *hcl.Diagnostic {
	where := filepath.Join(base, filepath.FromSlash(p))
	if abs, err := filepath.Abs(where); err == nil {
		where = abs
	}
	return diag.Errorf(CodeNotFound, "Chart not found", "There is no chart at %q: %s does not exist. Paths are relative to the configuration directory.%s",
		p, where, suggest(root, p))
}

func unreadable(p string, err error) *hcl.Diagnostic {
	if strings.Contains(err.Error(), "escapes") {
		return diag.Errorf(CodeOutside, "Chart outside the configuration directory",
			"A symbolic link in %q leads out of the configuration directory. Copy what it points to into the chart.", p)
	}
	return diag.Errorf(CodeInvalid, "Chart cannot be read", "Reading %q failed: %s.", p, scrub(err))
}

// suggest names the charts in the directory of p and in p itself.
func suggest(root *os.Root, p string) string {
	var found []string
	for _, dir := range []string{p, path.Dir(p)} {
		entries, err := fs.ReadDir(root.FS(), dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			if _, err := root.Stat(path.Join(name, "Chart.yaml")); err == nil || strings.HasSuffix(name, ".tgz") {
				found = append(found, fmt.Sprintf("%q", name))
			}
		}
	}
	if len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	found = slices.Compact(found)
	return " Charts nearby: " + strings.Join(found[:min(len(found), 5)], ", ") + "."
}

// walker collects the files of one chart directory in order of name.
type walker struct {
	ctx    context.Context
	root   *os.Root
	top    string
	rules  *ignore.Rules
	budget int64 // bytes that may still be read
	files  []*archive.BufferedFile
}

func (w *walker) start() error {
	w.rules = ignore.Empty()
	if b, err := readFile(w.root, path.Join(w.top, ignore.HelmIgnore), maxFileBytes); err == nil {
		if w.rules, err = ignore.Parse(bytes.NewReader(b)); err != nil {
			return fmt.Errorf("%s: %w", ignore.HelmIgnore, err)
		}
	}
	w.rules.AddDefaults()
	return w.dir("", 0)
}

func (w *walker) dir(rel string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s is nested more than %d directories deep", rel, maxDepth)
	}
	entries, err := fs.ReadDir(w.root.FS(), path.Join(w.top, rel))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := w.entry(path.Join(rel, e.Name()), depth); err != nil {
			return err
		}
	}
	return w.ctx.Err()
}

func (w *walker) entry(rel string, depth int) error {
	info, err := w.root.Stat(path.Join(w.top, rel)) // follows links, never out of the root
	if err != nil {
		return err
	}
	switch {
	case w.rules.Ignore(rel, info):
		return nil
	case info.IsDir():
		return w.dir(rel, depth+1)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", rel)
	}
	data, err := readFile(w.root, path.Join(w.top, rel), min(w.budget, maxFileBytes))
	if err != nil {
		return err
	}
	w.budget -= int64(len(data))
	w.files = append(w.files, &archive.BufferedFile{Name: rel, ModTime: info.ModTime(), Data: bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))})
	return nil
}

// readFile reads a file of at most limit bytes.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return b, err
}
