package ledger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// envelope is what precedes every value: the checksum and the serial of the commit.
const envelope = 4 + 8

var errChecksum = errors.New("checksum of an entry does not match")

// wrap returns payload in its envelope.
func wrap(key, payload []byte, serial uint64) []byte {
	b := make([]byte, envelope, envelope+len(payload))
	binary.BigEndian.PutUint64(b[4:], serial)
	b = append(b, payload...)
	binary.BigEndian.PutUint32(b, checksum(key, b[4:]))
	return b
}

// unwrap returns the payload, which shares memory with value, and the serial of the commit that wrote it.
func unwrap(key, value []byte) (payload []byte, serial uint64, err error) {
	if len(value) < envelope || binary.BigEndian.Uint32(value) != checksum(key, value[4:]) {
		return nil, 0, errChecksum
	}
	return value[envelope:], binary.BigEndian.Uint64(value[4:]), nil
}

func checksum(key, rest []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // the package shares one table
	return crc32.Update(crc32.Checksum(key, table), table, rest)
}
