package ui

import "fmt"

// ProgressMode says how progress is shown. The zero value is invalid.
type ProgressMode string

// The modes of --progress.
const (
	ProgressAuto  ProgressMode = "auto"  // tty on a terminal, plain elsewhere
	ProgressTTY   ProgressMode = "tty"   // a region that is drawn again
	ProgressPlain ProgressMode = "plain" // lines
	ProgressJSON  ProgressMode = "json"  // messages for machines
	ProgressQuiet ProgressMode = "quiet" // nothing
)

// ParseProgress reads the value of --progress.
func ParseProgress(s string) (ProgressMode, error) {
	switch m := ProgressMode(s); m {
	case ProgressAuto, ProgressTTY, ProgressPlain, ProgressJSON, ProgressQuiet:
		return m, nil
	}
	return "", fmt.Errorf("%q is not one of auto, tty, plain, json and quiet", s)
}

// NewView returns the view of a mode on standard error. ProgressJSON needs a stream and is not made here: see
// NewStreamView.
func NewView(m ProgressMode, t *Terminal) View {
	switch {
	case m == ProgressQuiet:
		return tee(nil)
	case m == ProgressTTY, m == ProgressAuto && t.Live:
		return NewLive(t)
	}
	return NewPlain(t.Err)
}
