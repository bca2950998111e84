package lang

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// confined reads files below a few directories and nowhere else. The kernel's own path walk enforces it (os.Root), so
// neither `..` nor a symbolic link leads out, whoever changes a directory meanwhile.
//
// Why: a plan is made for every pull request, and a configuration that could read the runner's files could print them
// into a comment.
type confined struct {
	dir  string      // where relative paths start
	also []directory // not below dir
	hint string      // what messages say besides, in a module that was called
}

// directory is one more that may be read.
type directory struct {
	path string
	// prefix is how a path relative to the first directory begins when it means something in this one.
	prefix []string
}

func newConfined(base string, also []string) confined {
	c := confined{dir: base}
	if len(also) > 0 {
		c.hint = "; relative paths start at the root module, path.module is the directory of the module at hand"
	}
	for _, path := range also {
		rel, err := filepath.Rel(base, path)
		if base == "" || err != nil || filepath.IsLocal(rel) {
			continue // below the first directory, where it can be read anyway
		}
		c.also = append(c.also, directory{path: path, prefix: strings.Split(filepath.ToSlash(rel), "/")})
	}
	return c
}

// open returns the directory in which a path is to be looked up, and the path there; the caller closes the root.
func (c confined) open(name string) (*os.Root, string, error) {
	if c.dir == "" {
		return nil, "", errors.New("files cannot be read here")
	}
	dir, name := c.dir, filepath.FromSlash(name)
	for _, d := range c.also {
		if rest, ok := d.below(name); ok {
			dir, name = d.path, rest
			break
		}
	}
	root, err := os.OpenRoot(dir)
	return root, name, err
}

// below returns the rest of a path that begins with the directory's prefix.
func (d directory) below(name string) (string, bool) {
	var parts []string
	for p := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		if p != "." && (p != "" || len(parts) == 0) { // an absolute path keeps the empty part before its first slash
			parts = append(parts, p)
		}
	}
	if len(parts) < len(d.prefix) || !slices.Equal(parts[:len(d.prefix)], d.prefix) {
		return "", false
	}
	rest := parts[len(d.prefix):]
	if len(rest) == 0 {
		return ".", true
	}
	return filepath.FromSlash(strings.Join(rest, "/")), true // not cleaned: a part may be a link, and then `..` means another place
}

// read returns the content of one regular file.
func (c confined) read(name string) ([]byte, error) {
	root, there, err := c.open(name)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(there)
	switch {
	case err != nil:
		return nil, c.explain(name, err)
	case info.IsDir():
		return nil, fmt.Errorf("%q is a directory, not a file", name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a regular file", name) // a pipe would block for ever, a device would never end
	}
	f, err := root.Open(there)
	if err != nil {
		return nil, c.explain(name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	switch {
	case err != nil:
		return nil, c.explain(name, err)
	case len(b) > MaxFileBytes:
		return nil, fmt.Errorf("the file %q is larger than %d MiB", name, MaxFileBytes>>20)
	}
	return b, nil
}

// explain says why a file cannot be read, without the absolute path of the directory.
func (c confined) explain(name string, err error) error {
	switch {
	case filepath.IsAbs(name):
		return fmt.Errorf("the path %q is absolute, but files are read only from the directories of the modules: write the path relative to the root module, or start it with path.module", name)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %q in the configuration directory%s", name, c.hint)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the file %q may not be read: permission denied", name)
	case strings.Contains(err.Error(), "escapes"): // the os package has no exported error for it
		return fmt.Errorf("the path %q leads out of the configuration directory, from which alone files are read%s", name, c.hint)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("the file %q cannot be read: %w", name, err)
}

func fileFunctions(files confined) map[string]function.Function {
	return map[string]function.Function{
		"basename": stringFunction(cty.String, func(a []string) (cty.Value, error) {
			return cty.StringVal(path.Base(a[0])), nil
		}, "path"),
		"dirname": stringFunction(cty.String, func(a []string) (cty.Value, error) {
			return cty.StringVal(path.Dir(a[0])), nil
		}, "path"),
		"file": stringFunction(cty.String, func(a []string) (cty.Value, error) {
			b, err := files.read(a[0])
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			v, err := utf8Value(b)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "the file %q is not UTF-8 text; filebase64 reads any file", a[0])
			}
			return v, nil
		}, "path"),
		"filebase64": stringFunction(cty.String, func(a []string) (cty.Value, error) {
			b, err := files.read(a[0])
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(base64.StdEncoding.EncodeToString(b)), nil
		}, "path"),
		"fileexists": stringFunction(cty.Bool, func(a []string) (cty.Value, error) { return files.exists(a[0]) }, "path"),
		"fileset":    stringFunction(cty.Set(cty.String), func(a []string) (cty.Value, error) { return files.glob(a[0], a[1]) }, "path", "pattern"),
	}
}

// exists reports whether there is a regular file. Anything else of that name is an error.
func (c confined) exists(name string) (cty.Value, error) {
	root, there, err := c.open(name)
	if err != nil {
		return cty.NilVal, err
	}
	defer root.Close()
	info, err := root.Stat(there)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cty.False, nil
	case err != nil:
		return cty.NilVal, function.NewArgError(0, c.explain(name, err))
	case !info.Mode().IsRegular():
		return cty.NilVal, function.NewArgErrorf(0, "%q is there, but it is not a regular file", name)
	}
	return cty.True, nil
}

// glob returns the names of the regular files below dir that match the pattern, relative to dir.
func (c confined) glob(dir, pattern string) (cty.Value, error) {
	root, there, err := c.open(dir)
	if err != nil {
		return cty.NilVal, err
	}
	defer root.Close()
	if !doublestar.ValidatePattern(pattern) {
		return cty.NilVal, function.NewArgErrorf(1, "%q is not a valid pattern", pattern)
	}
	clean := path.Clean(filepath.ToSlash(there))
	if _, err := root.Stat(filepath.FromSlash(clean)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cty.NilVal, function.NewArgError(0, c.explain(dir, err))
	}
	below, err := fs.Sub(root.FS(), clean)
	if err != nil {
		return cty.NilVal, function.NewArgError(0, c.explain(dir, err))
	}
	names, err := doublestar.Glob(below, path.Clean(pattern), doublestar.WithFilesOnly(), doublestar.WithNoFollow())
	if err != nil {
		return cty.NilVal, function.NewArgErrorf(1, "the pattern %q cannot be used: %s", pattern, err)
	}
	var out []cty.Value
	for _, n := range names {
		// Not every match can be read: pipes, directories behind links, links that lead out.
		if info, err := fs.Stat(below, n); err == nil && info.Mode().IsRegular() {
			out = append(out, cty.StringVal(n))
		}
	}
	if len(out) == 0 {
		return cty.SetValEmpty(cty.String), nil
	}
	return cty.SetVal(out), nil
}
