package ledger

import (
	"encoding/binary"
	"fmt"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

// The keys of bucket Meta.
const (
	metaFormat   = "format" // 8 bytes; the only entry that every version can read
	metaIdentity = "identity"
	metaClusters = "clusters"
	metaCounts   = "counts" // see counts
	metaSeal     = "seal"   // see seal.go
)

// The last byte of a key in a run's journal.
const (
	journalIntent  = 0
	journalOutcome = 1
)

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func runKey(id state.RunID) []byte { return number(uint64(id)) }

func parseRunKey(k []byte) (state.RunID, error) {
	if len(k) != 8 {
		return 0, fmt.Errorf("%x is not the number of a run", k)
	}
	return state.RunID(binary.BigEndian.Uint64(k)), nil
}

func journalKey(run state.RunID, step int, kind byte) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 17), uint64(run))
	return append(binary.BigEndian.AppendUint64(b, uint64(step)), kind)
}

func parseJournalKey(k []byte) (step int, kind byte, err error) {
	if len(k) != 17 || k[16] > journalOutcome {
		return 0, 0, fmt.Errorf("%x is not a key of a journal", k)
	}
	return int(binary.BigEndian.Uint64(k[8:])), k[16], nil
}

// maxKeyBytes is what an address may need at most.
const maxKeyBytes = 16 << 10

// recordKey is the key of an address in the bucket of resources.
func recordKey(a addr.Instance) ([]byte, error) {
	b, err := state.AppendKey(nil, a)
	if err == nil && len(b) > maxKeyBytes {
		err = fmt.Errorf("an address of %d bytes is too long to be stored: %.40s…", len(b), a)
	}
	return b, err
}

// unresolvedPrefix starts the keys of all unresolved intents of the address with this record key. It begins with its own
// length: no address is the prefix of another.
func unresolvedPrefix(recordKey []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(recordKey))), recordKey...)
}

func unresolvedKey(prefix []byte, run state.RunID, step int) []byte {
	b := append(make([]byte, 0, len(prefix)+16), prefix...)
	b = binary.BigEndian.AppendUint64(b, uint64(run))
	return binary.BigEndian.AppendUint64(b, uint64(step))
}

func parseUnresolvedKey(k []byte) (run state.RunID, step int, err error) {
	if len(k) < 18 || int(binary.BigEndian.Uint16(k))+18 != len(k) {
		return 0, 0, fmt.Errorf("%x is not a key of an unresolved intent", k)
	}
	k = k[len(k)-16:]
	return state.RunID(binary.BigEndian.Uint64(k)), int(binary.BigEndian.Uint64(k[8:])), nil
}
