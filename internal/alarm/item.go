package alarm

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Item is one thing that is not as it should be. It never holds a value.
type Item struct {
	// Address is that of the resource instance; empty for a finding about an object that no instance answers for.
	Address string `json:"address,omitempty"`
	// Path is the attribute, as configuration would name it; empty when the object has gone. For a finding it names the
	// object.
	Path string `json:"path,omitempty"`
	// Kind is the kind of change (Added, Removed, Changed, Gone), or the class of a finding, which has a dot.
	Kind string `json:"kind"`
}

// The kinds of changes.
const (
	Added   = "added"   // an attribute that was not set
	Removed = "removed" // an attribute that is not set any more
	Changed = "changed" // another value
	Gone    = "gone"    // the object does not exist any more
)

// Compare orders items by address, path and kind.
func Compare(a, b Item) int {
	return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
}

// sorted returns a sorted copy without repetitions.
func sorted(items []Item) []Item {
	out := slices.Clone(items)
	slices.SortFunc(out, Compare)
	return slices.Compact(out)
}

// Fingerprint stands for a set of items, in whatever order they come. It is empty for no items, and 64 hexadecimal
// digits otherwise.
func Fingerprint(items []Item) string {
	if len(items) == 0 {
		return ""
	}
	h := sha256.New()
	for _, i := range sorted(items) {
		fmt.Fprintf(h, "%q %q %q\n", i.Address, i.Path, i.Kind) // quoted, so that no two sets are written alike
	}
	return hex.EncodeToString(h.Sum(nil))
}

// minus returns the items of a that are not in b. Both are sorted.
func minus(a, b []Item) (out []Item) {
	for _, i := range a {
		if _, found := slices.BinarySearchFunc(b, i, Compare); !found {
			out = append(out, i)
		}
	}
	return out
}
