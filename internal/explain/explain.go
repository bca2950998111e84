// Package explain holds a page for every diagnostic code: what it means and how to mend it.
//
// The central idea: what a code means is said once, in the comment of its constant, and meanings.txt repeats these
// comments for the running program; a test keeps the two alike and rewrites the file when it is asked to. How to mend it
// is prose for people, in pages/*.md, one section for each code. The same test fails for a code without a section, and
// for a section without a code.
package explain

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed meanings.txt pages
var files embed.FS

// Page is what there is to say about a code.
type Page struct {
	Code string
	// Meaning is one sentence: what was found.
	Meaning string
	// Mend is Markdown: what to do, often with an example, which is indented by four spaces. Empty for a code that has no
	// section.
	Mend string
}

// Pages returns all pages, by code. It reads embedded text only.
func Pages() []Page {
	byCode := map[string]*Page{}
	page := func(code string) *Page {
		if byCode[code] == nil {
			byCode[code] = &Page{Code: code}
		}
		return byCode[code]
	}
	for line := range strings.Lines(read("meanings.txt")) {
		if code, meaning, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			page(code).Meaning = meaning
		}
	}
	names, _ := fs.Glob(files, "pages/*.md")
	for _, name := range names {
		for section := range strings.SplitSeq("\n"+read(name), "\n## ") {
			code, text, ok := strings.Cut(section, "\n")
			if ok && code != "" {
				page(strings.TrimSpace(code)).Mend = strings.Trim(text, "\n")
			}
		}
	}
	var out []Page
	for _, p := range byCode {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Page) int { return strings.Compare(a.Code, b.Code) })
	return out
}

// read returns an embedded file; those that are named here are there.
func read(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Find returns the page of a code, and whether there is one.
func Find(code string) (Page, bool) {
	pages := Pages()
	i, ok := slices.BinarySearchFunc(pages, code, func(p Page, code string) int { return strings.Compare(p.Code, code) })
	if !ok {
		return Page{}, false
	}
	return pages[i], true
}
