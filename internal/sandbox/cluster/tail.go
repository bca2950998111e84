package cluster

import (
	"os"
	"strings"
)

// tail returns the last lines of a component's log, for error messages.
func (d Dir) tail(component string) string {
	b, err := os.ReadFile(d.Log(component))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}
