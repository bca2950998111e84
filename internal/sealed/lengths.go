package sealed

import (
	"encoding/binary"
	"errors"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// maxDepth is how deep values may be nested, so that decoding them does not exhaust the stack.
const maxDepth = 500

var errLengths = errors.New("decoding a value: it is cut off, nested too deep or announces more than it holds")

// checkLengths refuses a value that announces more elements than it has bytes: the decoder of cty makes room for
// what is announced before it reads, so a few bytes of a hostile file could take all memory.
func checkLengths(b []byte) error {
	open := []int{1} // of each nesting level, how many elements are still to come
	for len(open) > 0 {
		last := len(open) - 1
		if open[last] == 0 {
			open = open[:last]
			continue
		}
		open[last]--
		skip, elements, ok := header(b)
		if !ok || skip > len(b) || elements > len(b)-skip || len(open) > maxDepth {
			return errLengths
		}
		b = b[skip:]
		if elements > 0 {
			open = append(open, elements)
		}
	}
	return nil
}

// header reads the start of a MessagePack item: how many bytes it has, apart from elements that follow, and how many
// elements do.
func header(b []byte) (skip, elements int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	// number reads a big-endian length behind the code and returns it with the bytes up to its end.
	number := func(size int) (n, end int) {
		if len(b) < 1+size {
			return 0, len(b) + 1 // longer than what is there: refused by the caller
		}
		switch size {
		case 1:
			n = int(b[1])
		case 2:
			n = int(binary.BigEndian.Uint16(b[1:]))
		default:
			n = int(binary.BigEndian.Uint32(b[1:]))
		}
		return n, 1 + size
	}
	bytes := func(size, extra int) (int, int, bool) {
		n, end := number(size)
		return end + extra + n, 0, true
	}
	items := func(size, each int) (int, int, bool) {
		n, end := number(size)
		return end, n * each, true
	}
	switch c := b[0]; {
	case msgpcode.IsFixedNum(c), c == msgpcode.Nil, c == msgpcode.False, c == msgpcode.True:
		return 1, 0, true
	case msgpcode.IsFixedString(c):
		return 1 + int(c&msgpcode.FixedStrMask), 0, true
	case msgpcode.IsFixedArray(c):
		return 1, int(c & msgpcode.FixedArrayMask), true
	case msgpcode.IsFixedMap(c):
		return 1, 2 * int(c&msgpcode.FixedMapMask), true
	case c == msgpcode.Uint8, c == msgpcode.Int8:
		return 2, 0, true
	case c == msgpcode.Uint16, c == msgpcode.Int16:
		return 3, 0, true
	case c == msgpcode.Uint32, c == msgpcode.Int32, c == msgpcode.Float:
		return 5, 0, true
	case c == msgpcode.Uint64, c == msgpcode.Int64, c == msgpcode.Double:
		return 9, 0, true
	case c == msgpcode.Str8, c == msgpcode.Bin8:
		return bytes(1, 0)
	case c == msgpcode.Str16, c == msgpcode.Bin16:
		return bytes(2, 0)
	case c == msgpcode.Str32, c == msgpcode.Bin32:
		return bytes(4, 0)
	case c == msgpcode.Array16:
		return items(2, 1)
	case c == msgpcode.Array32:
		return items(4, 1)
	case c == msgpcode.Map16:
		return items(2, 2)
	case c == msgpcode.Map32:
		return items(4, 2)
	case c >= msgpcode.FixExt1 && c <= msgpcode.FixExt16:
		return 2 + 1<<(c-msgpcode.FixExt1), 0, true
	case c == msgpcode.Ext8:
		return bytes(1, 1)
	case c == msgpcode.Ext16:
		return bytes(2, 1)
	case c == msgpcode.Ext32:
		return bytes(4, 1)
	}
	return 0, 0, false
}
