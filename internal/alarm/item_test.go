package alarm

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func anyItem() *rapid.Generator[Item] {
	return rapid.Custom(func(t *rapid.T) Item {
		return Item{Address: rapid.SampledFrom([]string{"", "a.b", "a.c", `a.b["x y"]`}).Draw(t, "address"),
			Path: rapid.SampledFrom([]string{"", "p", "p.q", `" "`}).Draw(t, "path"), Kind: rapid.SampledFrom([]string{Added, Removed, Changed, Gone, "x.y"}).Draw(t, "kind")}
	})
}

// TestFingerprintStandsForTheSet: neither order nor repetition matters, and another set has another fingerprint.
func TestFingerprintStandsForTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOf(anyItem()).Draw(t, "items")
		other := append(slices.Clone(items), items...)
		other = rapid.Permutation(other).Draw(t, "order")
		if Fingerprint(items) != Fingerprint(other) {
			t.Fatalf("the same set has two fingerprints: %v", items)
		}
		more := anyItem().Draw(t, "more")
		if slices.Contains(items, more) {
			return
		}
		if Fingerprint(items) == Fingerprint(append(slices.Clone(items), more)) {
			t.Fatalf("%v and the same with %v have one fingerprint", items, more)
		}
	})
	if Fingerprint(nil) != "" {
		t.Error("no items have a fingerprint")
	}
	a, b := []Item{{Address: `a" "b`, Kind: Changed}}, []Item{{Address: "a", Path: "b", Kind: Changed}}
	if Fingerprint(a) == Fingerprint(b) {
		t.Error("names that hold separators collide")
	}
}
