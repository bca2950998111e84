// Package ledger is what all stores of states have in common: how records, journals and runs lie in ordered keys and
// values, and which changes each call of state.Session and state.Writer makes to them. Stores bring the keys and
// values (a file, objects in a cluster) and the lock, and nothing else; so what one store promises all of them keep.
//
// The central idea: every call is one write on a transaction, and whatever lines up during one commit goes into the
// next: one durable commit for many parallel steps. A write that cannot be carried out fails alone.
//
//	Writer.Intend ─► Line ─► [write, write, write] ─► Tx ─► commit (the store's) ─► everybody is answered
//
// # Layout
//
//	meta         format, identity, clusters, seal, serial and counts
//	resources    key of an address → record
//	outputs      name → output
//	runs         number → run
//	kept         number of a run whose steps are kept
//	journal      number of a run, step, intent or outcome → that intent or outcome
//	unresolved   address, run and step of each intent without an outcome
//
// Every value starts with a checksum over key and value and with the serial of the commit that wrote it (value.go), so
// damage is recognised wherever the bytes were kept, and revisions cost nothing; entries that have vanished show in the
// counts. Numbers in keys are big-endian: order of bytes is order in time.
//
// # Sealing
//
// With Keys every value but format, counts and the seal itself is encrypted (seal.go). The keys stay readable:
// addresses and numbers of runs are no secrets, and order depends on them.
//
// # Retention
//
// The steps of a run are dropped, when a later run begins, once it is beyond the count or the age that Retention names.
// The last ten runs keep theirs whatever their age, so that they can be rolled back, and so does a run with an
// unresolved intent. Summaries of runs have a bound of their own.
package ledger
