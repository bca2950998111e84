// Package state is the contract for what meshplan remembers: one record for each instance, the journal of every run,
// and the lock that keeps two writers apart.
//
// The central idea: nothing is written without saying so first. Before every side effect an intent is committed; the
// outcome and the new record are committed together after it. An intent without an outcome means that the outcome is
// unknown, and the next run looks at the live object before it does anything else.
//
//	Begin ─► Intend(step) ─► effect ─► [Checkpoint…] ─► Record(step, outcome) ─► … ─► Finish
//	              │                                          │
//	              └── kill: outcome unknown ──► next run reads the live object and resolves it
//
// Values arrive without their secrets (package sealed) and encoded. A store may encrypt what it keeps on top of that
// (Keys); only then is it given secrets as well (SecretKeeper).
//
// Package ledger says how a state lies in keys and values; boltstore keeps them in a file, kubestore in a cluster;
// statetest holds what all of them promise.
package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
)

// Format is the version of the stored data that this program writes.
const Format = 1

// Store keeps one state. Reading needs no lock and never blocks a writer for long.
type Store interface {
	// Snapshot returns the present state, immutable and independent of the store. A state that does not exist yet is an
	// empty snapshot with a zero Meta. Errors: *CorruptError, *FormatError.
	Snapshot(ctx context.Context) (*Snapshot, error)
	// Lock opens the state for writing. It waits up to wait for another holder and then fails with *LockedError.
	Lock(ctx context.Context, holder Holder, wait time.Duration) (Session, error)
	// Runs lists the recorded runs, oldest first. An empty state has none.
	Runs(ctx context.Context) ([]Run, error)
	// Journal returns a run with its steps in the order of their intents. Errors: ErrNoRun, ErrPruned.
	Journal(ctx context.Context, id RunID) (*Journal, error)
	Close() error
}

// Session is the exclusive right to write. Only one goroutine may use it, apart from the Writer.
type Session interface {
	// Snapshot reads under the lock.
	Snapshot(ctx context.Context) (*Snapshot, error)
	// Adopt gives an empty state its identity and does nothing when it is the state's own already. Errors: ErrForeign.
	Adopt(id Identity) error
	// Begin starts a run. Interrupted runs before it are closed as such.
	Begin(meta Run) (Writer, error)
	// Edit changes records outside of a run (state mv, rm), all at once: records are put, addresses removed. It
	// settles every unresolved intent for these addresses: whoever edits knows better.
	Edit(put []*Record, remove []addr.Instance) error
	// Unlock gives the lock back. It is safe to call more than once.
	Unlock() error
}

// Writer journals one run. All methods are durable when they return and safe for concurrent use; commits of parallel
// steps may be grouped.
type Writer interface {
	ID() RunID
	// Intend commits the intent of a step before its side effect. An intent that deposes moves the present record of
	// its address aside in the same commit, and one whose object is gone ends it.
	Intend(i Intent) error
	// Checkpoint commits a record in the middle of a step, and removes those at other addresses; the step stays open.
	Checkpoint(step int, r *Record, remove ...addr.Instance) error
	// Record commits the outcome of a step together with its record and removes the records that the outcome names. It
	// also resolves what earlier runs left unresolved for these addresses.
	Record(o Outcome) error
	// Settle commits records that need no step of their own, and removals: nothing of it can be rolled back. It resolves
	// what earlier runs left unresolved for the addresses.
	Settle(put []*Record, remove []addr.Instance) error
	// Outputs commits the values of the root module's outputs; names that are not in the map are removed.
	Outputs(map[string]Output) error
	// Finish closes the run. The Serial of the state has grown by one for every commit.
	Finish(f Finish) error
}

// Identity makes a state itself: the lineage names it for ever, the key keys its secrets' fingerprints.
type Identity struct {
	Lineage string `msgpack:"lineage"`
	Key     []byte `msgpack:"key"`
}

// Meta describes a state. The zero value means that there is no state yet.
type Meta struct {
	Identity
	Format int
	Serial uint64
	// Clusters maps provider configurations to the systems that they were connected to at the last run.
	Clusters map[string]string
}

// Snapshot is a state at one moment. It is immutable and safe for concurrent use.
type Snapshot struct {
	Meta
	Records []*Record // sorted by address
	Outputs map[string]Output
	// Unresolved lists intents whose outcome is unknown, oldest first.
	Unresolved []Intent
	// UnfinishedRun is the last run as it began, when it has not finished: it is under way, or was killed; nil otherwise. The caller
	// must not change it.
	UnfinishedRun *Run
}

// Unfinished is the ID of UnfinishedRun; 0 when there is none.
func (s *Snapshot) Unfinished() RunID {
	if s.UnfinishedRun == nil {
		return 0
	}
	return s.UnfinishedRun.ID
}

// Record is what is known of one instance. Its stored form is in codec.go.
type Record struct {
	Addr          addr.Instance
	Provider      string
	SchemaVersion int
	Value         []byte // as written by sealed.Encode
	Private       []byte
	DependsOn     []addr.Instance // direct dependencies, sorted
	Status        Status
	Protected     bool
	// CreateFirst says that a replacement creates the new object before it deletes this one. It is kept for the time
	// when the block is gone: what depends on the instance relies on it.
	CreateFirst bool
	// Secret is Value with its secrets in it. Stores that seal keep it, so that a rollback can restore former secrets; all
	// others drop it.
	Secret []byte
	// Revision is the serial of the commit that wrote the record; the store sets it.
	Revision uint64
	// Run wrote the record last; the store sets it.
	Run RunID
}

// Status says whether an instance is as its last apply meant it to be. The zero value is invalid.
type Status uint8

// The statuses of a record.
const (
	Ready      Status = iota + 1
	Incomplete        // created or changed, but not finished or not proved ready
)

// Output is the stored value of an output, as written by sealed.Encode.
type Output struct {
	Value     []byte `msgpack:"v"`
	Sensitive bool   `msgpack:"s,omitempty"`
}

// RunID numbers runs from 1.
type RunID uint64

// Run describes a run.
type Run struct {
	ID       RunID     `msgpack:"id"`
	Mode     string    `msgpack:"mode"` // as plans.Mode prints it
	Started  time.Time `msgpack:"started"`
	Finished time.Time `msgpack:"finished"` // zero while it runs, or when it was interrupted
	Holder   Holder    `msgpack:"holder"`
	// Plan is the hash of the plan, so that the same plan is recognised when it is applied again.
	Plan    string    `msgpack:"plan,omitempty"`
	Result  RunResult `msgpack:"result"`
	Summary Summary   `msgpack:"summary"`
	// Reverts lists the runs that this one undid.
	Reverts []RunID `msgpack:"reverts,omitempty"`
	// Error is the first failure in a sentence.
	Error string `msgpack:"error,omitempty"`
	// Outputs are those before the run, so that a rollback can restore them.
	Outputs map[string]Output `msgpack:"outputs,omitempty"`
}

// RunResult says how a run ended. The zero value is invalid.
type RunResult uint8

// The results of a run.
const (
	Running RunResult = iota + 1 // or killed: nobody holds the lock
	Succeeded
	Failed      // at least one step failed; others may have taken effect
	Interrupted // stopped by a signal, or found dead by a later run
)

func (r RunResult) String() string {
	switch r {
	case Running:
		return "running"
	case Succeeded:
		return "succeeded"
	case Failed:
		return "failed"
	case Interrupted:
		return "interrupted"
	}
	return "invalid"
}

// Summary counts the steps that took effect.
type Summary struct {
	Created  int `msgpack:"c"`
	Updated  int `msgpack:"u"`
	Replaced int `msgpack:"r"`
	Deleted  int `msgpack:"d"`
	Forgot   int `msgpack:"f,omitempty"`
	Imported int `msgpack:"i,omitempty"` // some of them are updated as well
}

// Finish is how a run ended.
type Finish struct {
	Result   RunResult
	Summary  Summary
	Error    string
	Clusters map[string]string
}

// Intent says what a step is about to do.
type Intent struct {
	Run  RunID         `msgpack:"run"`
	Step int           `msgpack:"step"` // index in the plan's steps
	Addr addr.Instance `msgpack:"-"`    // stored as its key, see codec.go
	Op   string        `msgpack:"op"`   // as plans.Op prints it
	// Before is the record that the step starts from; nil when there is none. With Imports it is the object as it was
	// found, of which there was no record.
	Before *Record `msgpack:"before,omitempty"`
	// Planned is the value that the step aims at, as written by sealed.Encode; nil for a deletion.
	Planned  []byte `msgpack:"planned,omitempty"`
	Private  []byte `msgpack:"private,omitempty"`
	Provider string `msgpack:"provider"`
	// Deps are the steps of this run that had to finish first.
	Deps []int     `msgpack:"deps,omitempty"`
	At   time.Time `msgpack:"at"`
	// Irreversible says why the step cannot be undone; empty when it can.
	Irreversible string `msgpack:"irreversible,omitempty"`
	// From is the address that Before was recorded at, when the step moves it to Addr; zero when it does not.
	From addr.Instance `msgpack:"-"`
	// Deposes names the former object that Before becomes until it is deleted: a replacement creates the new one first.
	// The record stands at Addr with this as Deposed from the intent on. Empty for every other step.
	Deposes string `msgpack:"deposes,omitempty"`
	// Gone says that the object of Before does not exist any more and another one is made in its place: from the intent on
	// there is no record, so that the next run looks for the new object.
	Gone bool `msgpack:"gone,omitempty"`
	// Imports says that the step takes an object over that existed before, so that undoing it must not delete it but give
	// it back as it was.
	Imports bool `msgpack:"imports,omitempty"`
}

// Outcome says what became of a step.
type Outcome struct {
	Step   int           `msgpack:"step"`
	Addr   addr.Instance `msgpack:"-"` // stored as its key, see codec.go
	Failed bool          `msgpack:"failed,omitempty"`
	Error  string        `msgpack:"error,omitempty"`
	// After is the new record; nil means that there is no object any more, or no record of it.
	After *Record   `msgpack:"after,omitempty"`
	At    time.Time `msgpack:"at"`
	// Remove lists other addresses whose records go in the same commit: where the record was before it moved, or a
	// former object that has become the present one again. It is not kept in the journal.
	Remove []addr.Instance `msgpack:"-"`
}

// Entry is a journalled step. Outcome is nil when the outcome is unknown.
type Entry struct {
	Intent  Intent
	Outcome *Outcome
}

// Journal is a run and its steps.
type Journal struct {
	Run   Run
	Steps []Entry
}

// Holder names who writes.
type Holder struct {
	ID      string    `msgpack:"id" json:"id"` // random, one for each lock
	User    string    `msgpack:"user" json:"user"`
	Host    string    `msgpack:"host" json:"host"`
	PID     int       `msgpack:"pid" json:"pid"`
	Command string    `msgpack:"command" json:"command"`
	Since   time.Time `msgpack:"since" json:"since"`
}

// ErrNoRun says that the journal has no run of that number.
var ErrNoRun = errors.New("no such run")

// ErrPruned says that the run is known but its steps are no longer kept.
var ErrPruned = errors.New("the steps of the run are no longer kept")

// ErrForeign says that the state has another identity.
var ErrForeign = errors.New("state belongs to another lineage")

// LockedError says that somebody else writes. Holder is zero when that is all that is known.
type LockedError struct{ Holder Holder }

func (e *LockedError) Error() string {
	if e.Holder.User == "" {
		return "the state is locked by another process"
	}
	return fmt.Sprintf("the state is locked by %s@%s (process %d) since %s, running %q, lock %s",
		e.Holder.User, e.Holder.Host, e.Holder.PID, e.Holder.Since.UTC().Format(time.RFC3339), e.Holder.Command, e.Holder.ID)
}

// CorruptError says that stored data cannot be read.
type CorruptError struct {
	Path string
	Err  error
}

func (e *CorruptError) Error() string { return fmt.Sprintf("state %s is damaged: %v", e.Path, e.Err) }
func (e *CorruptError) Unwrap() error { return e.Err }

// FormatError says that the state was written by a newer program.
type FormatError struct {
	Path string
	Got  int
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("state %s has format %d, this program reads up to %d: use a newer meshplan", e.Path, e.Got, Format)
}

// Keys guards the data key of a state that is sealed: its values are encrypted where they are kept.
type Keys interface {
	// Wrap encrypts the data key for those who may read the state.
	Wrap(key []byte) ([]byte, error)
	// Unwrap decrypts what Wrap returned. The error says which key was missing or wrong.
	Unwrap(wrapped []byte) ([]byte, error)
}

// Resealer is an optional capability of a Session: Reseal encrypts the whole state anew, with a new data key under
// other keys, or stores it in the clear when keys is nil. All of it is one commit.
type Resealer interface {
	Reseal(keys Keys) error
}

// SecretKeeper is an optional capability of a Store: it says whether what it keeps is encrypted, so that it may be given
// secrets (Record.Secret).
type SecretKeeper interface{ KeepsSecrets() bool }

// ErrSealed says that the state is encrypted and no keys were given.
var ErrSealed = errors.New("the state is sealed, and no keys are configured")

// ErrLost says that the lock may have gone to somebody else: nothing more is written. What was under way is looked up
// by the next run.
var ErrLost = errors.New("the lock of the state was lost")

// Fragile is an optional capability of a Session whose lock can be lost while it is held, as a lease can.
type Fragile interface {
	// Lost is closed before somebody else can take the lock. Writes fail with ErrLost from then on.
	Lost() <-chan struct{}
}

// Prober is an optional capability of a Store: it tells whether somebody holds the lock right now.
type Prober interface {
	// Locked reports whether the lock is held, and by whom. It takes no lock itself.
	Locked(ctx context.Context) (held bool, by Holder, err error)
}

// ErrNotLocked says that there is no lock to take away.
var ErrNotLocked = errors.New("the state is not locked")

// Unlocker is an optional capability of a Store whose lock outlives its holder.
type Unlocker interface {
	// ForceUnlock takes the lock with this ID away from its holder, who can write nothing from then on. Errors:
	// ErrNotLocked; *LockedError when the lock has another ID.
	ForceUnlock(ctx context.Context, id string) error
}

// Dump is a whole state, journals included, in the clear. Only stores can read what it holds; it is meant to be loaded
// into another store at once, not to be kept.
type Dump struct {
	Meta    Meta
	Records int
	Runs    int
	Entries []DumpEntry
}

// DumpEntry is one stored entry and the serial of the commit that wrote it.
type DumpEntry struct {
	Bucket     string
	Key, Value []byte
	Serial     uint64
}

// Dumper is an optional capability of a Store that can be copied.
type Dumper interface {
	// Dump returns the whole state. One that does not exist has a zero Meta and no entries.
	Dump(ctx context.Context) (*Dump, error)
}

// Loader is an optional capability of a Session that can take a whole state over.
type Loader interface {
	// Load puts a dump into the place of everything that is there, in one commit. Errors: ErrForeign when something of
	// another lineage is there.
	Load(d *Dump) error
	// Replace puts records, outputs and clusters of a snapshot into the place of those that are there, and leaves runs and
	// journals alone; whatever was unresolved is settled. A state without identity takes the snapshot's; with force it
	// takes it in any case. The serial goes on after the higher one. Errors: ErrForeign.
	Replace(s *Snapshot, force bool) error
}
