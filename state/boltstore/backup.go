package boltstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// backups is how many former files are kept.
	backups = 3
	// maxBackupBytes is the size up to which a file is worth copying: more would make a small apply wait.
	maxBackupBytes = 64 << 20
)

func backupPath(path string, n int) string { return fmt.Sprintf("%s.backup-%d", path, n) }

// backup keeps a copy of the file as it is. The caller holds the session's lock and knows that the file can be read: a
// damaged one never pushes a good copy out.
func backup(path string) error {
	src, err := os.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	if info, err := src.Stat(); err != nil || info.Size() > maxBackupBytes {
		return err
	}
	tmp := backupPath(path, 0)
	dst, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		os.Remove(tmp)
		return err
	}
	for n := backups - 1; n >= 0; n-- {
		if err := os.Rename(backupPath(path, n), backupPath(path, n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncDir(filepath.Dir(path))
}
