// Package boltstore keeps a state in one bbolt file on the local machine. It implements state.Store.
//
// The central idea: the right to write and the right to touch the file are two locks. A session holds the first for
// as long as it lives, so two applies never meet; it takes the second for the length of one commit only, so `plan`,
// `show` and `drift` read whole, consistent snapshots while an apply is running.
//
//	state.db.lock   flock, exclusive, for a whole session; its content names the holder
//	state.db        flock, exclusive, while a commit is written; shared, while a reader copies what it needs
//	state.db.backup-1…3   the file as the last three sessions found it, newest first
//
// Both are locks of the operating system on open files: a killed process leaves nothing locked. They need a file
// system with flock (every local one; NFS since Linux 2.6.12) and protect one machine only: teams use the Kubernetes
// backend.
//
// One goroutine of the session owns the file. Concurrent writes wait for it in line, and everything that has lined up
// during one commit goes into the next: one fsync for many steps. A write that cannot be carried out fails alone.
//
// # Layout
//
//	meta         format, identity, clusters, serial and counts
//	resources    key of an address → record
//	outputs      name → output
//	runs         number → run
//	journal      number of a run → bucket of: step, intent or outcome → that intent or outcome
//	unresolved   address, run and step of each intent without an outcome
//
// Every value starts with a checksum over key and value and with the serial of the commit that wrote it (see
// value.go), so damage is recognised even where bbolt does not look, and revisions cost nothing; entries that have
// vanished show in the counts. Numbers in keys are big-endian: order of bytes is order in time.
//
// # Durability
//
// A method that has returned nil has been written and synced. After an error nothing of it is in the file, with one
// exception that no journal can exclude: when syncing itself fails, the write may still reach the disk. The session
// opens the file again after a failure, so a full disk that has room again is no reason to start over. A new file is
// prepared under another name and renamed when it is complete. Steps of runs older than Options.KeepRuns are dropped
// when a run begins, unless an intent of theirs is unresolved.
package boltstore
