package boltstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/meshplan/meshplan/state"
)

// maxBackupBytes is the size up to which a file is worth copying: more would make a small apply wait.
const maxBackupBytes = 64 << 20

// BackupDir returns the directory of the copies of a state: "backups" beside the file.
func BackupDir(path string) string { return filepath.Join(filepath.Dir(path), "backups") }

// Backup is a copy of a state's file.
type Backup struct {
	Path   string
	Number int // counts up; the newest copy has the highest
}

// Backups lists the copies of the file at path, newest first.
func Backups(path string) ([]Backup, error) {
	found, err := os.ReadDir(BackupDir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []Backup
	for _, e := range found {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		if n, err := strconv.Atoi(rest); ok && err == nil && n > 0 {
			out = append(out, Backup{filepath.Join(BackupDir(path), e.Name()), n})
		}
	}
	slices.SortFunc(out, func(a, b Backup) int { return cmp.Compare(b.Number, a.Number) })
	return out, err
}

// backup keeps a copy of the file as it is. The caller holds the session's lock and knows that the file can be read: a
// damaged one never pushes a good copy out.
func (s *Store) backup() error {
	info, err := os.Stat(s.path)
	if err != nil || info.Size() > maxBackupBytes {
		return err
	}
	dir := BackupDir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	have, err := Backups(s.path)
	if err != nil {
		return err
	}
	next := 1
	if len(have) > 0 {
		next = have[0].Number + 1
	}
	name := filepath.Join(dir, filepath.Base(s.path)+"."+strconv.Itoa(next))
	if err := copyFile(s.path, name); err != nil {
		return err
	}
	s.o.Reached.After("copy")
	for _, old := range have[min(len(have), s.o.Backups-1):] {
		if err := os.Remove(old.Path); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// copyFile makes a durable copy that appears under its name when it is complete.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	tmp := to + ".new"
	dst, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Sync(), dst.Close()); err == nil {
		err = os.Rename(tmp, to)
	}
	if err != nil {
		os.Remove(tmp)
		return err
	}
	return syncDir(filepath.Dir(to))
}

// Restore puts a copy into the place of the file, under the state's lock. The copy must be a state that can be read; what
// was there before, damaged or not, is kept beside it under the returned name, "" when there was nothing. Errors:
// *state.LockedError, *state.CorruptError of the copy.
func (s *Store) Restore(ctx context.Context, from string, holder state.Holder) (former string, err error) {
	copied, err := Open(from, Options{Keys: s.o.Keys})
	if err != nil {
		return "", err
	}
	if snap, err := copied.Snapshot(ctx); err != nil {
		return "", err
	} else if snap.Format == 0 {
		return "", fmt.Errorf("%s holds no state", from)
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return "", err
	}
	l, err := acquire(ctx, s.lockPath(), holder, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	tmp := s.path + ".restored"
	if err := copyFile(copied.path, tmp); err != nil {
		return "", err
	}
	if _, err := os.Stat(s.path); err == nil {
		former = s.path + ".replaced"
		if err := os.Rename(s.path, former); err != nil {
			return "", err
		}
	}
	if err := os.Rename(tmp, s.path); err != nil {
		return former, err
	}
	return former, syncDir(filepath.Dir(s.path))
}
