package boltstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// minCompactBytes is the size from which a file is worth compacting.
const minCompactBytes = 4 << 20

// compactChunk bounds what one transaction of a compaction writes.
const compactChunk = 8 << 20

// compact writes the file anew when more than half of it is free, as after many resources were deleted. The caller holds
// the session's lock. The new file takes the old one's name when it is complete and durable; a reader that has the old
// one open still sees a whole state. Where such a reader keeps the name, files stay as large as they were.
func (s *Store) compact(ctx context.Context) error {
	if !replacesOpenFiles {
		return nil
	}
	info, err := os.Stat(s.path)
	if err != nil || info.Size() < minCompactBytes {
		return err
	}
	f, err := openFile(ctx, s.path, true, s.o.Timeout)
	if err != nil {
		return err
	}
	defer f.db.Close()
	return guard(s.path, func() error {
		// A writable database counts its free pages when it is opened.
		free := int64(f.db.Stats().FreePageN) * int64(f.db.Info().PageSize)
		var used int64 // what lies behind is room that the file was given in advance
		if err := f.db.View(func(t *bolt.Tx) error { used = t.Size(); return nil }); err != nil || free < used/2 {
			return err
		}
		tmp := s.path + ".new"
		if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		next, err := bolt.Open(tmp, 0o600, &bolt.Options{Timeout: s.o.Timeout, FreelistType: bolt.FreelistMapType, NoStatistics: true, NoSync: true})
		if err != nil {
			return err
		}
		err = bolt.Compact(next, f.db, compactChunk)
		if err = errors.Join(err, next.Sync(), next.Close()); err == nil {
			s.o.Reached.Before("compaction")
			err = os.Rename(tmp, s.path)
			s.o.Reached.After("compaction")
		}
		if err != nil {
			os.Remove(tmp)
			return err
		}
		return syncDir(filepath.Dir(s.path))
	})
}
