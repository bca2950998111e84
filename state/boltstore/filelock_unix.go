//go:build unix

package boltstore

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes a lock on an open file without waiting, or reports false. Taking it again changes its mode.
func tryLock(f *os.File, mode lockMode) (bool, error) {
	how := syscall.LOCK_SH
	if mode == exclusive {
		how = syscall.LOCK_EX
	}
	for {
		switch err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, os.NewSyscallError("flock", err)
		}
	}
}

// unlock gives the lock of an open file back, also the one that bbolt has taken: it is the same.
func unlock(f *os.File) error {
	return os.NewSyscallError("flock", syscall.Flock(int(f.Fd()), syscall.LOCK_UN))
}

// handToBolt is called with a lock that bbolt is about to take as well. Taking it again does no harm here.
func handToBolt(*os.File) error { return nil }

// forClosing is called before a writable database is closed, which unlocks it. It need not be locked for that here.
func forClosing(*file) error { return nil }

// replacesOpenFiles says that a file may take the name of one that somebody has open.
const replacesOpenFiles = true

// syncDir makes renames in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
