package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/meshplan/meshplan/state"
)

// errAbsent says that there is no state yet.
var errAbsent = errors.New("no state yet")

// file is an open database together with the descriptor that its lock is on.
type file struct {
	db *bolt.DB
	os *os.File
}

// openFile opens the database with its lock held: shared for reading, exclusive for writing. Errors: errAbsent,
// *state.CorruptError.
func openFile(ctx context.Context, path string, write bool, timeout time.Duration) (*file, error) {
	how := syscall.LOCK_SH
	if write {
		how = syscall.LOCK_EX
	}
	var f file
	open := func(name string, flag int, perm os.FileMode) (*os.File, error) {
		opened, err := os.OpenFile(name, flag&^os.O_CREATE, perm) // a new file is made by create
		if err != nil {
			return nil, err
		}
		if err := waitFlock(ctx, opened, how, timeout); err != nil {
			opened.Close()
			return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
		}
		info, err := opened.Stat()
		switch {
		case err == nil && !info.Mode().IsRegular():
			err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
		case err == nil && info.Size() == 0:
			err = errAbsent
		}
		if err != nil {
			opened.Close()
			return nil, err
		}
		f.os = opened
		return opened, nil
	}
	err := guard(path, func() (err error) {
		f.db, err = bolt.Open(path, 0o600, &bolt.Options{ReadOnly: !write, Timeout: timeout, FreelistType: bolt.FreelistMapType,
			NoStatistics: true, OpenFile: open})
		return err
	})
	var pathErr *fs.PathError
	var errno syscall.Errno
	var corrupt *state.CorruptError
	switch {
	case err == nil:
		return &f, nil
	case errors.Is(err, errAbsent), errors.Is(err, fs.ErrNotExist):
		return nil, errAbsent
	case errors.As(err, &corrupt):
		if f.os != nil {
			f.os.Close()
		}
		return nil, err
	case errors.As(err, &pathErr), errors.As(err, &errno), errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("opening the state: %w", err)
	}
	return nil, damaged(path, err)
}

// read calls fn in a read transaction on a file that is not shorter than it says.
func (f *file) read(path string, fn func(*bolt.Tx) error) error {
	return guard(path, func() error {
		info, err := f.os.Stat()
		if err != nil {
			return err
		}
		return f.db.View(func(tx *bolt.Tx) error {
			if tx.Size() > info.Size() {
				return damaged(path, fmt.Errorf("the file has %d of %d bytes", info.Size(), tx.Size()))
			}
			return fn(tx)
		})
	})
}

// guard turns what bbolt does on a damaged file (panics, and accesses outside of the mapping) into a
// *state.CorruptError.
func guard(path string, fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged(path, fmt.Errorf("%v", r))
		}
	}()
	return fn()
}

// damaged says what is wrong with the file and what can be done.
func damaged(path string, err error) error {
	var corrupt *state.CorruptError
	if errors.As(err, &corrupt) {
		return err
	}
	hint := "restore it from a backup of your own"
	for n := 1; n <= backups; n++ {
		if _, statErr := os.Stat(backupPath(path, n)); statErr == nil {
			hint = fmt.Sprintf("move it away and copy %s into its place, or %s", backupPath(path, n), hint)
			break
		}
	}
	return &state.CorruptError{Path: path, Err: fmt.Errorf("%w; %s", err, hint)}
}

// create makes a new, empty state. It appears under its name only when it is complete.
func create(path string, timeout time.Duration) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a killed process
		return err
	}
	db, err := bolt.Open(tmp, 0o600, &bolt.Options{Timeout: timeout, FreelistType: bolt.FreelistMapType, NoStatistics: true})
	if err != nil {
		return fmt.Errorf("creating the state: %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets() {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		meta, key := tx.Bucket([]byte(bucketMeta)), []byte(metaFormat)
		if err := meta.Put(key, wrap(key, number(state.Format), 0)); err != nil {
			return err
		}
		return counts{}.put(meta)
	})
	if err = errors.Join(err, db.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("creating the state: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes renames in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
