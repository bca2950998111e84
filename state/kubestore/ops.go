package kubestore

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/meshplan/meshplan/state/ledger"
)

// The kinds of changes.
const (
	opPut    = 1
	opDelete = 2
	opCut    = 3 // delete every key with this prefix
)

// change is one entry of a log part, of the tail, or (puts only) of a table.
type change struct {
	op    byte
	key   string // of bucket and key, see fullKey
	value []byte
}

// fullKey puts the number of the bucket before a key, so that all buckets share one order.
func fullKey(b ledger.Bucket, key []byte) string {
	return string(append([]byte{byte(slices.Index(ledger.Buckets(), b))}, key...))
}

// appendChange appends the stored form of a change.
func appendChange(b []byte, c change) []byte {
	b = append(b, c.op)
	b = append(binary.AppendUvarint(b, uint64(len(c.key))), c.key...)
	if c.op == opPut {
		b = append(binary.AppendUvarint(b, uint64(len(c.value))), c.value...)
	}
	return b
}

var errChange = errors.New("a change cannot be read")

// readChange reads what appendChange wrote, and returns what follows. The value shares memory with b.
func readChange(b []byte) (c change, rest []byte, err error) {
	if len(b) == 0 || b[0] < opPut || b[0] > opCut {
		return c, nil, errChange
	}
	c.op = b[0]
	key, rest, ok := readBytes(b[1:])
	if !ok || len(key) == 0 || int(key[0]) >= len(ledger.Buckets()) {
		return c, nil, errChange
	}
	c.key = string(key)
	if c.op == opPut {
		if c.value, rest, ok = readBytes(rest); !ok {
			return c, nil, errChange
		}
	}
	return c, rest, nil
}

func readBytes(b []byte) (field, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	b = b[size:]
	return b[:n:n], b[n:], true
}

// readChanges calls fn for each change in their order.
func readChanges(b []byte, fn func(change) error) error {
	for len(b) > 0 {
		c, rest, err := readChange(b)
		if err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// maxContent is the most that one Secret carries, compressed.
const maxContent = 900 << 10

// maxExpanded bounds what a compressed content may become: no honest one is larger.
const maxExpanded = 256 << 20

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func expand(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, maxExpanded+1))
	if err == nil && len(out) > maxExpanded {
		err = fmt.Errorf("it is larger than %d bytes", maxExpanded)
	}
	return out, err
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
