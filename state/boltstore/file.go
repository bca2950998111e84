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
	"github.com/meshplan/meshplan/state/ledger"
)

// file is an open database together with the descriptor that its lock is on.
type file struct {
	db *bolt.DB
	os *os.File
}

// openFile opens the database with its lock held: shared for reading, exclusive for writing. Errors: ledger.ErrAbsent,
// *state.CorruptError.
func openFile(ctx context.Context, path string, write bool, timeout time.Duration) (*file, error) {
	var f file
	open := func(name string, flag int, perm os.FileMode) (*os.File, error) {
		opened, err := os.OpenFile(name, flag&^os.O_CREATE, perm) // a new file is made by create
		if err != nil {
			return nil, err
		}
		if err := waitLock(ctx, opened, lockMode(write), timeout); err != nil {
			opened.Close()
			return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
		}
		info, err := opened.Stat()
		switch {
		case err == nil && !info.Mode().IsRegular():
			err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
		case err == nil && info.Size() == 0:
			err = ledger.ErrAbsent
		case err == nil:
			err = handToBolt(opened)
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
			NoStatistics: !write, OpenFile: open})
		return err
	})
	var pathErr *fs.PathError
	var errno syscall.Errno
	var corrupt *state.CorruptError
	switch {
	case err == nil:
		return &f, nil
	case errors.Is(err, ledger.ErrAbsent), errors.Is(err, fs.ErrNotExist):
		return nil, ledger.ErrAbsent
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

// close closes a database that was opened for writing and whose lock is not held.
func (f *file) close() error {
	return errors.Join(forClosing(f), f.db.Close())
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
	hint := "restore it from a backup of your own with \"meshplan state restore FILE\""
	if good := newestGood(path); good != "" {
		hint = fmt.Sprintf("the newest good copy is brought back by \"meshplan state restore %s\"", good)
	}
	return &state.CorruptError{Path: path, Err: fmt.Errorf("%w; %s", err, hint)}
}

// newestGood returns the newest copy of a file that opens as a state, or "".
func newestGood(path string) string {
	copies, err := Backups(path)
	if err != nil {
		return ""
	}
	for _, c := range copies {
		s := &Store{path: c.Path, o: Options{Timeout: time.Second}}
		if s.sound() {
			return c.Path
		}
	}
	return ""
}

// sound reports whether the file opens and says that it is a state.
func (s *Store) sound() bool {
	f, err := openFile(context.Background(), s.path, false, s.o.Timeout)
	if err != nil {
		return false
	}
	err = f.read(s.path, func(b *bolt.Tx) error {
		t, err := newTx(b)
		if err != nil {
			return err
		}
		return ledger.Verify(t, s.path)
	})
	return errors.Join(err, f.db.Close()) == nil
}

// create makes a new, empty state. It appears under its name only when it is complete.
func create(path string, timeout time.Duration, reached ledger.Reached) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a killed process
		return err
	}
	db, err := bolt.Open(tmp, 0o600, &bolt.Options{Timeout: timeout, FreelistType: bolt.FreelistMapType, NoStatistics: true})
	if err != nil {
		return fmt.Errorf("creating the state: %w", err)
	}
	err = db.Update(func(b *bolt.Tx) error {
		for _, name := range ledger.Buckets() {
			if _, err := b.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return ledger.Init(tx{b})
	})
	if err = errors.Join(err, db.Close()); err == nil {
		reached.Before("creation")
		err = os.Rename(tmp, path)
		reached.After("creation")
	}
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("creating the state: %w", err)
	}
	return syncDir(filepath.Dir(path))
}
