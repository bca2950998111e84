package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Event is what has become of the drift since it was told last. The zero value is invalid.
type Event uint8

// The events.
const (
	Unchanged Event = iota + 1 // nobody needs to be told
	Appeared                   // there is drift where there was none
	Altered                    // other drift than before
	Resolved                   // nothing alarms any more
	Reminder                   // the same drift, for long
)

var events = [...]string{Unchanged: "unchanged", Appeared: "new", Altered: "changed", Resolved: "resolved", Reminder: "reminder"}

// String returns the word that messages use.
func (e Event) String() string {
	if int(e) < len(events) && e > 0 {
		return events[e]
	}
	return "invalid"
}

// Memory is what was told last. The zero value says that nothing was ever told.
type Memory struct {
	// Lineage is that of the state which it is about: a memory of another one counts as none.
	Lineage     string `json:"lineage"`
	Fingerprint string `json:"fingerprint"`
	Items       []Item `json:"items"`
	// More says how many items were too many to be kept.
	More int `json:"more,omitempty"`
	// Since is when the first item of an unbroken row of alarms appeared, Told when somebody was told last.
	Since time.Time `json:"since,omitzero"`
	Told  time.Time `json:"told,omitzero"`
}

// Look is what one look at the system found to alarm.
type Look struct {
	Lineage string
	Items   []Item
	// Incomplete says that not everything could be read: then what was told before and is not found now counts as still
	// there.
	Incomplete bool
	At         time.Time
	// RemindAfter is how long the same drift stays quiet; 0 means for ever.
	RemindAfter time.Duration
}

// Difference says what a look found in comparison with a memory.
type Difference struct {
	Event    Event
	Items    []Item // all that alarms
	New, Old []Item // those that have come, and those that have gone
	Since    time.Time
}

// Next compares a look with what was told last. It returns the memory to keep once people have been told; for Unchanged
// it is the former one.
func (m Memory) Next(l Look) (Difference, Memory) {
	if m.Lineage != l.Lineage {
		m = Memory{}
	}
	known, found := sorted(m.Items), sorted(l.Items)
	d := Difference{Event: Unchanged, Items: found, New: minus(found, known), Since: m.Since}
	if l.Incomplete {
		if m.More > 0 {
			d.New = nil // what is new cannot be told from what was not kept
			return d, m
		}
		found = sorted(append(known, found...))
		d.Items = found
	}
	d.Old = minus(known, found)
	print := Fingerprint(found)
	switch {
	case print != m.Fingerprint && print == "":
		d.Event = Resolved
	case print != m.Fingerprint && m.Fingerprint == "":
		d.Event, d.Since = Appeared, l.At.UTC()
	case print != m.Fingerprint:
		d.Event = Altered
	case print != "" && l.RemindAfter > 0 && l.At.Sub(m.Told) >= l.RemindAfter:
		d.Event = Reminder
	default:
		return d, m
	}
	next := Memory{Lineage: l.Lineage, Fingerprint: print, Items: found, Since: d.Since, Told: l.At.UTC()}
	if d.Event == Resolved {
		next.Since = time.Time{}
	}
	return d, next
}

// maxMemoryBytes bounds what is kept: a ConfigMap holds a megabyte.
const maxMemoryBytes = 512 << 10

// Encode returns the text to keep. What is too long loses items, and says how many.
func (m Memory) Encode() ([]byte, error) {
	m.Items = append([]Item{}, m.Items...)
	for {
		b, err := json.MarshalIndent(m, "", " ")
		if err != nil || len(b) <= maxMemoryBytes || len(m.Items) == 0 {
			return append(b, '\n'), err
		}
		drop := (len(m.Items) + 1) / 2
		m.More += drop
		m.Items = m.Items[:len(m.Items)-drop]
	}
}

// DecodeMemory reads what Encode wrote. Empty text is the zero Memory.
func DecodeMemory(b []byte) (m Memory, err error) {
	if len(b) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return Memory{}, fmt.Errorf("what was told last cannot be read: %w", err)
	}
	return m, nil
}

// Keeper keeps the text of a Memory from one look to the next.
type Keeper interface {
	// Load returns what was kept last, and nothing when nothing was.
	Load(ctx context.Context) ([]byte, error)
	// Keep replaces what was kept.
	Keep(ctx context.Context, text []byte) error
}

// File is a Keeper: a file with this path.
type File string

// Load implements Keeper.
func (f File) Load(context.Context) ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Keep implements Keeper. The file is replaced at once, so that a kill leaves the old or the new one.
func (f File) Keep(_ context.Context, text []byte) error {
	t, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return err
	}
	defer os.Remove(t.Name()) // fails when it was renamed
	if _, err = t.Write(text); err == nil {
		err = t.Sync()
	}
	if e := t.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(t.Name(), string(f))
	}
	return err
}
