package alarm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	web  = Item{Address: "kubernetes_manifest.web", Path: "manifest.spec.replicas", Kind: Changed}
	db   = Item{Address: "kubernetes_manifest.db", Kind: Gone}
	cert = Item{Path: "Secret linkerd/issuer", Kind: "linkerd.drift.expiring"}
	noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
)

// TestMemoryTellsOnce goes through the life of a drift, look by look.
func TestMemoryTellsOnce(t *testing.T) {
	steps := []struct {
		day        int
		items      []Item
		incomplete bool
		want       Event
		fresh, old int
	}{
		{0, nil, false, Unchanged, 0, 0},
		{0, []Item{web}, false, Appeared, 1, 0},
		{1, []Item{web}, false, Unchanged, 0, 0},
		{2, []Item{db, web}, false, Altered, 1, 0},
		{3, []Item{web, db}, false, Unchanged, 0, 0},
		{4, []Item{db}, true, Unchanged, 0, 0}, // web could not be read
		{4, nil, true, Unchanged, 0, 0},
		{4, []Item{cert}, true, Altered, 1, 0}, // but something new is told
		{5, []Item{web, db}, false, Altered, 0, 1},
		{12, []Item{web, db}, false, Reminder, 0, 0},
		{13, []Item{web, db}, false, Unchanged, 0, 0},
		{14, nil, false, Resolved, 0, 2},
		{15, nil, false, Unchanged, 0, 0},
		{30, nil, false, Unchanged, 0, 0},
		{31, []Item{web}, false, Appeared, 1, 0},
	}
	var m Memory
	for n, s := range steps {
		d, next := m.Next(Look{Lineage: "l", Items: s.items, Incomplete: s.incomplete, At: noon.AddDate(0, 0, s.day), RemindAfter: 7 * 24 * time.Hour})
		if d.Event != s.want || len(d.New) != s.fresh || len(d.Old) != s.old {
			t.Fatalf("look %d: %s with %d new and %d gone, want %s with %d and %d", n, d.Event, len(d.New), len(d.Old), s.want, s.fresh, s.old)
		}
		b, err := next.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if m, err = DecodeMemory(b); err != nil {
			t.Fatal(err)
		}
	}
	if m.Since != noon.AddDate(0, 0, 31) {
		t.Errorf("the drift began at %s", m.Since)
	}
}

func TestMemoryOfAnotherState(t *testing.T) {
	_, m := Memory{}.Next(Look{Lineage: "one", Items: []Item{web}, At: noon})
	if d, _ := m.Next(Look{Lineage: "two", Items: []Item{web}, At: noon}); d.Event != Appeared {
		t.Errorf("what another state told keeps this one quiet: %s", d.Event)
	}
	if d, _ := m.Next(Look{Lineage: "one", Items: []Item{web}, At: noon.AddDate(1, 0, 0)}); d.Event != Unchanged {
		t.Errorf("without a time to remind: %s", d.Event)
	}
}

// TestMemoryNeverForgets: whatever happens, after a complete look the memory stands for exactly that look, and an event
// is told if and only if the set has changed.
func TestMemoryNeverForgets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Memory
		for range rapid.IntRange(1, 12).Draw(t, "looks") {
			items := rapid.SliceOfN(anyItem(), 0, 4).Draw(t, "items")
			incomplete := rapid.Bool().Draw(t, "incomplete")
			d, next := m.Next(Look{Lineage: "l", Items: items, Incomplete: incomplete, At: noon})
			switch {
			case !incomplete && next.Fingerprint != Fingerprint(items):
				t.Fatalf("after %v the memory is of something else", items)
			case (d.Event == Unchanged) != (next.Fingerprint == m.Fingerprint):
				t.Fatalf("%s, though the fingerprint went from %q to %q", d.Event, m.Fingerprint, next.Fingerprint)
			case incomplete && len(minus(sorted(m.Items), sorted(next.Items))) > 0:
				t.Fatal("a look that did not see everything resolved something")
			}
			m = next
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	var items []Item
	for i := range 30000 {
		items = append(items, Item{Address: fmt.Sprintf("kubernetes_manifest.web[%q]", fmt.Sprint("instance-", i)), Path: "manifest.spec.replicas", Kind: Changed})
	}
	_, m := Memory{}.Next(Look{Lineage: "l", Items: items, At: noon})
	b, err := m.Encode()
	if err != nil || len(b) > maxMemoryBytes+1 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	back, err := DecodeMemory(b)
	if err != nil || len(back.Items)+back.More != len(items) || back.Fingerprint != m.Fingerprint || len(m.Items) != len(items) {
		t.Fatalf("%d items and %d more of %d, %v", len(back.Items), back.More, len(items), err)
	}
	if d, _ := back.Next(Look{Lineage: "l", Items: items, At: noon}); d.Event != Unchanged {
		t.Errorf("the same drift is told again: %s", d.Event)
	}
	if d, _ := back.Next(Look{Lineage: "l", Items: items[:1], Incomplete: true, At: noon}); d.Event != Unchanged {
		t.Errorf("half a look against half a memory: %s", d.Event)
	}
}

func TestFileKeeper(t *testing.T) {
	f := File(filepath.Join(t.TempDir(), "told.json"))
	if b, err := f.Load(t.Context()); b != nil || err != nil {
		t.Fatalf("a file that is not there: %q, %v", b, err)
	}
	for _, text := range []string{"one", "two"} {
		if err := f.Keep(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := f.Load(t.Context()); string(b) != text || err != nil {
			t.Fatalf("%q, %v; want %s", b, err, text)
		}
	}
	left, err := os.ReadDir(filepath.Dir(string(f)))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := (File(filepath.Join(string(f), "below"))).Keep(context.Background(), nil); err == nil {
		t.Error("a file below a file was written")
	}
	if _, err := DecodeMemory([]byte("{")); err == nil || !strings.Contains(err.Error(), "told last") {
		t.Errorf("a damaged memory: %v", err)
	}
	if diff := cmp.Diff(Memory{}, func() Memory { m, _ := DecodeMemory(nil); return m }()); diff != "" {
		t.Error(diff)
	}
}
