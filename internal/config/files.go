package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// MaxFileBytes is the size of the largest configuration or variable file.
const MaxFileBytes = 16 << 20

// The endings of file names; each may be followed by `.json` for the JSON syntax.
const (
	configSuffix = ".mesh.hcl"
	autoSuffix   = ".auto.vars.hcl"
	jsonSuffix   = ".json"
)

// source is one configuration file.
type source struct {
	name string // without the directory
	path string
	text []byte
	file *hcl.File // nil when nothing of it could be parsed
}

// readSources reads and parses the configuration files of a directory in the order of their names.
func readSources(dir string, overlay map[string][]byte, limit *budget) ([]source, hcl.Diagnostics) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, hcl.Diagnostics{unreadable("Directory cannot be read", dir, err)}
	}
	var out []source
	for _, e := range entries { // sorted by name
		if named(e.Name(), configSuffix) {
			out = append(out, source{name: e.Name(), path: filepath.Join(dir, e.Name())})
		}
	}
	out = withUnsaved(out, dir, overlay)
	if len(out) == 0 {
		return nil, hcl.Diagnostics{noConfiguration(dir, entries)}
	}
	// Parsing is most of the work of loading, and files do not depend on each other.
	found := make([]hcl.Diagnostics, len(out))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(len(out), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(out)); i = next.Add(1) - 1 {
				if text, unsaved := overlay[out[i].path]; unsaved {
					out[i].text, out[i].file, found[i] = parseText(text, out[i].path, limit)
					continue
				}
				out[i].text, out[i].file, found[i] = parseFile(out[i].path, configSuffix, limit)
			}
		})
	}
	workers.Wait()
	return out, slices.Concat(found...)
}

// withUnsaved adds the files of a directory that exist in an editor only.
func withUnsaved(sources []source, dir string, overlay map[string][]byte) []source {
	for path := range overlay {
		name := filepath.Base(path)
		if filepath.Join(dir, name) == path && named(name, configSuffix) && !slices.ContainsFunc(sources, func(s source) bool { return s.path == path }) {
			sources = append(sources, source{name: name, path: path})
		}
	}
	slices.SortFunc(sources, func(a, b source) int { return strings.Compare(a.name, b.name) })
	return sources
}

// named reports whether a file name ends so, in either syntax. Hidden files and the leftovers of editors do not count.
func named(name, suffix string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "#") && (strings.HasSuffix(name, suffix) || strings.HasSuffix(name, suffix+jsonSuffix))
}

func noConfiguration(dir string, entries []fs.DirEntry) *hcl.Diagnostic {
	detail := fmt.Sprintf("The directory %q has no file that ends in %s or %s%s. Name another directory with -C, or write the first resource block into main.mesh.hcl.",
		dir, configSuffix, configSuffix, jsonSuffix)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tf") {
			detail += fmt.Sprintf(" The file %s is Terraform's; meshplan has the same language, but its own resource types.", e.Name())
			break
		}
	}
	return diag.Error(CodeNoConfiguration, "No configuration files", detail, nil)
}

// parseFile reads and parses one file. The text and the file are nil when it could not be read; a file with syntax
// errors holds what could be understood. If the file was found by the ending of its name, suffix is that.
func parseFile(path, suffix string, limit *budget) ([]byte, *hcl.File, hcl.Diagnostics) {
	err := linked(path, suffix)
	var text []byte
	if err == nil {
		text, err = readFile(path)
	}
	if err != nil {
		return nil, nil, hcl.Diagnostics{unreadable("File cannot be read", path, err)}
	}
	return parseText(text, path, limit)
}

// parseText parses the content of a file, however it came here.
func parseText(text []byte, path string, limit *budget) ([]byte, *hcl.File, hcl.Diagnostics) {
	if limit != nil {
		if err := limit.take(len(text)); err != nil {
			return nil, nil, hcl.Diagnostics{unreadable("File cannot be read", path, err)}
		}
	}
	file, ds := parse(text, path)
	return text, file, ds
}

// parse picks the syntax by the file's name.
func parse(text []byte, path string) (*hcl.File, hcl.Diagnostics) {
	start := hcl.Range{Filename: path, Start: hcl.InitialPos, End: hcl.InitialPos}
	if strings.HasSuffix(path, jsonSuffix) {
		if d := lang.CheckNesting(text, lang.JSON, start); d != nil {
			return nil, hcl.Diagnostics{d}
		}
		file, ds := json.Parse(text, path)
		return file, coded(ds, CodeSyntax)
	}
	if d := lang.CheckNesting(text, lang.Native, start); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	file, ds := hclsyntax.ParseConfig(text, path, hcl.InitialPos)
	return file, legible(ds, text, path)
}

// linked checks where a symbolic link leads: to a file with the same ending, wherever that is. Otherwise a link in a pull
// request could make any file of the machine that plans it a part of the configuration, and show it in a message.
func linked(path, suffix string) error {
	if info, err := os.Lstat(path); suffix == "" || err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if !named(filepath.Base(real), suffix) {
		return fmt.Errorf("it is a link to a file whose name does not end in %s, and only such files are read", suffix)
	}
	return nil
}

// readFile reads a regular file of bounded size.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err == nil && len(b) > MaxFileBytes {
		err = fmt.Errorf("it is larger than %d MiB; split it into several files", MaxFileBytes>>20)
	}
	return b, err
}

func unreadable(summary, path string, err error) *hcl.Diagnostic {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return diag.Error(CodeUnreadable, summary, fmt.Sprintf("%q does not exist.", path), nil)
	}
	return diag.Error(CodeUnreadable, summary, fmt.Sprintf("%q cannot be read: %s.", path, err), nil)
}

// hashSources is the identity of a configuration: names and contents, each with its length, so that moving bytes from
// one to another makes a difference.
func hashSources(sources []source) string {
	h := sha256.New()
	for _, s := range sources {
		for _, part := range [][]byte{[]byte(s.name), s.text} {
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], uint64(len(part)))
			h.Write(n[:])
			h.Write(part)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
