package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
)

func (a *app) fmtCommand() *cobra.Command {
	f := &formatter{app: a}
	cmd := &cobra.Command{
		Use:   "fmt [DIR | FILE... | -]",
		Short: "Put the configuration into the usual layout",
		Long: `Rewrites *.mesh.hcl and *.vars.hcl files (and their .json forms) in the usual layout and lists those that it changed; what they mean stays the same.
With - it formats standard input to standard output. Files with syntax errors are left alone, and so are links that it meets in a directory.
With --check it writes nothing and exits with 1 when something is not in the usual layout.`,
		Example: "  meshplan fmt\n  meshplan fmt --check --diff --recursive     for continuous integration\n  meshplan fmt - < shop.mesh.hcl",
		RunE: func(_ *cobra.Command, args []string) error {
			return f.run(args)
		},
	}
	cmd.Flags().BoolVar(&f.check, "check", false, "write nothing, and exit with 1 when a file is not in the usual layout")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "show what changes")
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "r", false, "go into directories below, except hidden ones")
	return cmd
}

type formatter struct {
	app                    *app
	check, diff, recursive bool

	changed bool
	ds      hcl.Diagnostics
	files   map[string]*hcl.File
}

func (f *formatter) run(args []string) error {
	f.files = map[string]*hcl.File{}
	if len(args) == 0 {
		args = []string{"."}
	}
	for _, arg := range args {
		if err := f.argument(arg); err != nil {
			return err
		}
	}
	c := &console{Terminal: f.app.terminal(), files: f.files}
	c.diagnostics(diag.Sort(f.ds))
	if f.ds.HasErrors() || f.check && f.changed {
		return exitWith(exitFailure)
	}
	return nil
}

func (f *formatter) argument(arg string) error {
	if arg == "-" {
		src, err := io.ReadAll(f.app.in)
		if err != nil {
			return fmt.Errorf("reading standard input: %w", err)
		}
		out, ok := f.format("standard input", src)
		if ok && !f.check && !f.diff {
			_, err = f.app.out.Write(out)
		}
		return err
	}
	info, err := os.Stat(arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file or directory %q", arg)
	case err != nil:
		return err
	case !info.IsDir() && !formattable(arg):
		return fmt.Errorf("%q is not a configuration or variable file: their names end in .mesh.hcl, .vars.hcl or either with .json", arg)
	case !info.IsDir():
		return f.file(arg)
	}
	return filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != arg && (!f.recursive || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.Type().IsRegular() && formattable(d.Name()):
			return f.file(path)
		}
		return nil
	})
}

func formattable(name string) bool {
	name = strings.TrimSuffix(name, ".json")
	return strings.HasSuffix(name, ".mesh.hcl") || strings.HasSuffix(name, ".vars.hcl")
}

func (f *formatter) file(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Size() > config.MaxFileBytes {
		err = fmt.Errorf("%q is larger than %d MiB", path, config.MaxFileBytes>>20)
	}
	if err != nil {
		return err
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out, ok := f.format(path, src)
	if !ok || bytes.Equal(src, out) {
		return nil
	}
	if !f.diff {
		fmt.Fprintln(f.app.out, path)
	}
	if f.check {
		return nil
	}
	return replaceFile(path, out)
}

// format reports false when the text cannot be formatted.
func (f *formatter) format(name string, src []byte) ([]byte, bool) {
	out, ds := config.Format(src, name)
	f.ds = append(f.ds, ds...)
	if ds.HasErrors() {
		f.files[name] = &hcl.File{Bytes: src}
		return nil, false
	}
	if !bytes.Equal(src, out) {
		f.changed = true
		if f.diff {
			_, _ = f.app.out.Write(diff.Diff("a/"+filepath.ToSlash(name), src, "b/"+filepath.ToSlash(name), out))
		}
	}
	return out, true
}

// replaceFile writes a file in one step, so that an interrupt leaves the old one or the new one. A link stays a link.
func replaceFile(path string, content []byte) (err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".meshplan-fmt-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Chmod(info.Mode().Perm()), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
