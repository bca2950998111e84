package lsp

import (
	"net/url"
	"path/filepath"
	"strings"
)

// toPath returns the file that a URI names, absolute and clean, and false for anything but a file.
func toPath(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return "", false
	}
	p := u.Path
	if len(p) > 2 && p[0] == '/' && p[2] == ':' { // /C:/x
		p = p[1:]
	}
	return filepath.Clean(filepath.FromSlash(p)), true
}

// toURI returns the URI of a file. Reserved characters are escaped as editors do it.
func toURI(path string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return (&url.URL{Scheme: "file", Path: p}).String()
}
