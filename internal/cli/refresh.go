package cli

import (
	"fmt"
	"slices"
	"strings"
)

// refreshMode says how much of the live world a plan reads. It implements pflag.Value. Empty means refreshTrue.
type refreshMode string

const (
	refreshTrue  refreshMode = "true"  // metadata of everything, and whole objects where our fields changed
	refreshFalse refreshMode = "false" // nothing
	refreshFull  refreshMode = "full"  // every object whole, and the server's word on every change
)

// String implements pflag.Value.
func (m *refreshMode) String() string { return string(*m) }

// Type implements pflag.Value. It is what the help shows in the place of the value.
func (m *refreshMode) Type() string { return "mode" }

// Set implements pflag.Value. Like a flag that is a bool it takes 1, t, 0 and f as well.
func (m *refreshMode) Set(s string) error {
	switch s := strings.ToLower(s); {
	case slices.Contains([]string{"true", "t", "1"}, s):
		*m = refreshTrue
	case slices.Contains([]string{"false", "f", "0"}, s):
		*m = refreshFalse
	case s == string(refreshFull):
		*m = refreshFull
	default:
		return fmt.Errorf("%q is none of true, false and full", s)
	}
	return nil
}
