package ledger

import "errors"

// Bucket names a range of keys of its own.
type Bucket string

// The buckets, in the order of Buckets.
const (
	Meta       Bucket = "meta"
	Resources  Bucket = "resources"
	Outputs    Bucket = "outputs"
	Runs       Bucket = "runs"
	Kept       Bucket = "kept"
	Journal    Bucket = "journal"
	Unresolved Bucket = "unresolved"
)

// Buckets lists the buckets that every state has.
func Buckets() []Bucket {
	return []Bucket{Meta, Resources, Outputs, Runs, Kept, Journal, Unresolved}
}

// Tx is a transaction on ordered keys and values. What it returns is valid until it ends and must not be changed; what
// it is given it may keep until then. Errors are trouble with the store or damage, never a missing key.
type Tx interface {
	// Get returns the value of a key, or nil when there is none. An empty value is not nil.
	Get(b Bucket, key []byte) ([]byte, error)
	// Scan calls fn for the keys with a prefix in their order until it returns false. fn must not write.
	Scan(b Bucket, prefix []byte, fn func(key, value []byte) bool) error
	// Last returns the last key of a bucket, or nil.
	Last(b Bucket) (key, value []byte, err error)
	Put(b Bucket, key, value []byte) error
	// Delete removes a key; a missing one is no error.
	Delete(b Bucket, key []byte) error
	// DeletePrefix removes all keys with a prefix that is not empty.
	DeletePrefix(b Bucket, prefix []byte) error
}

// ErrAbsent says that there is no state yet. Readers turn it into an empty state.
var ErrAbsent = errors.New("no state yet")

// ErrClosed says that the session has been unlocked.
var ErrClosed = errors.New("the session on the state has ended")
