package ci

import (
	"path"
	"path/filepath"
	"strings"
)

// Place says where the files of a configuration are for the reader of a report: build systems want names relative to
// the root of the repository.
type Place struct {
	// Dir is the directory that file names are relative to, Root that of the repository. Both are absolute; with an empty
	// Root, names stay as they are.
	Dir, Root string
	// Fallback is the file to name when a finding has no place of its own, relative to Dir; usually one of the configuration.
	Fallback string
}

// file returns the name of a file for reports, with slashes. A file outside of the root keeps its name.
func (p Place) file(name string) string {
	if name == "" {
		name = p.Fallback
	}
	clean := path.Clean(filepath.ToSlash(name))
	if p.Root == "" || name == "" {
		return strings.TrimPrefix(clean, "./")
	}
	abs := name
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(p.Dir, abs)
	}
	rel, err := filepath.Rel(p.Root, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return clean
	}
	return filepath.ToSlash(rel)
}

// position returns file, line and column of a finding; the line is 0 when only the file is known, and the file is ""
// when not even that is.
func (p Place) position(f *Finding) (file string, line, column int) {
	if f.Range == nil || f.Range.Filename == "" {
		if p.Fallback == "" {
			return "", 0, 0
		}
		return p.file(""), 0, 0
	}
	return p.file(f.Range.Filename), f.Range.Start.Line, f.Range.Start.Column
}
