// Package boltstore keeps a state in one bbolt file on the local machine. It implements state.Store.
//
// The central idea: the right to write and the right to touch the file are two locks. A session holds the first for
// as long as it lives, so two applies never meet; it takes the second for the length of one commit only, so `plan`,
// `show` and `drift` read whole, consistent snapshots while an apply is running.
//
//	state.db.lock        flock, exclusive, for a whole session; its content names the holder
//	state.db             flock, exclusive, while a commit is written; shared, while a reader copies what it needs
//	backups/state.db.7   the file as a session found it; the numbers count up, ten copies are kept
//
// Both are locks of the operating system on open files: a killed process leaves nothing locked. They need a file
// system with flock (every local one; NFS since Linux 2.6.12) and protect one machine only: teams use the Kubernetes
// backend.
//
// What lies in the file, and which changes each call makes, is package ledger's: a bucket of bbolt for each of its
// buckets. The goroutine of its line owns the file while a session lasts.
//
// # Durability
//
// A method that has returned nil has been written and synced. After an error nothing of it is in the file, with one
// exception that no journal can exclude: when syncing itself fails, the write may still reach the disk. The session
// opens the file again after a failure, so a full disk that has room again is no reason to start over. A new file is
// prepared under another name and renamed when it is complete; so are copies, and the file that the first write of a
// session makes when most of the old one has become free.
package boltstore
