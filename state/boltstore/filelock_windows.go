package boltstore

import (
	"context"
	"errors"
	"math"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// lockedByte is the place of the lock: the last byte that a file can have. Locks on Windows keep others from reading what
// is locked, and nothing is there. It is the byte that bbolt locks, so that both see one lock.
func lockedByte() *windows.Overlapped {
	return &windows.Overlapped{Offset: math.MaxUint32, OffsetHigh: math.MaxUint32}
}

// tryLock takes a lock on an open file without waiting, or reports false. It must not be held already.
func tryLock(f *os.File, mode lockMode) (bool, error) {
	var flags uint32 = windows.LOCKFILE_FAIL_IMMEDIATELY
	if mode == exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	switch err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, lockedByte()); {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	default:
		return false, os.NewSyscallError("LockFileEx", err)
	}
}

// unlock gives the lock of an open file back, also the one that bbolt has taken: it is the same.
func unlock(f *os.File) error {
	return os.NewSyscallError("UnlockFileEx", windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, lockedByte()))
}

// handToBolt is called with a lock that bbolt is about to take as well. A second lock would wait for the first, even with
// the same handle, so it is given back; whoever is quicker than bbolt then, bbolt waits for.
func handToBolt(f *os.File) error { return unlock(f) }

// forClosing is called before a writable database is closed, which unlocks it and fails where there is no lock.
func forClosing(f *file) error {
	return waitLock(context.Background(), f.os, exclusive, time.Second)
}

// replacesOpenFiles says that a file cannot take the name of one that somebody has open.
const replacesOpenFiles = false

// syncDir does nothing: a directory cannot be flushed here, and NTFS journals renames by itself.
func syncDir(string) error { return nil }
