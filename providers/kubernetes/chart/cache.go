package chart

import (
	"os"
	"path/filepath"
	"strings"
)

// cache keeps packaged charts by digest. It only saves downloads: whatever goes wrong with it is no error, and what it
// returns has the digest that was asked for. Concurrent use, also by several processes, is safe.
type cache struct{ dir string }

// file returns where a digest is kept, or "" when there is no place for it.
func (c cache) file(digest string) string {
	dir := c.dir
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(user, "meshplan", "charts")
	}
	if !wellFormedDigest(digest) {
		return ""
	}
	return filepath.Join(dir, strings.Replace(digest, ":", "-", 1)+".tgz")
}

func (c cache) get(digest string) ([]byte, bool) {
	name := c.file(digest)
	if name == "" {
		return nil, false
	}
	b, err := os.ReadFile(name)
	return b, err == nil && sum(b) == digest
}

func (c cache) put(b []byte) {
	name := c.file(sum(b))
	if name == "" || os.MkdirAll(filepath.Dir(name), 0o700) != nil {
		return
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), "chart-*")
	if err != nil {
		return
	}
	_, err = tmp.Write(b)
	if closeErr := tmp.Close(); err == nil && closeErr == nil && os.Rename(tmp.Name(), name) == nil {
		return
	}
	os.Remove(tmp.Name())
}
