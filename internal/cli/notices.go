package cli

import (
	"fmt"
	"io"
	"sync"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/ui"
)

// notices shows remarks that come from below at any moment, such as that a server does not answer: among the events while
// a view is open, because text beside it would be drawn over, and on standard error otherwise.
type notices struct {
	err io.Writer

	mu    sync.Mutex // guards what follows
	view  ui.View    // nil while none is open
	quiet bool       // nobody wants to read anything but results
}

// say shows a remark. It may be called from several goroutines at once.
func (n *notices) say(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.view != nil:
		n.view.Say(diag.Scrub(text))
	case !n.quiet:
		fmt.Fprintln(n.err, diag.Scrub(text))
	}
}

func (n *notices) setQuiet(quiet bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.quiet = quiet
}

// through lets remarks appear in v until it is closed.
func (n *notices) through(v ui.View) ui.View {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.view = v
	return &noticed{v, n}
}

type noticed struct {
	ui.View
	notices *notices
}

// Close implements ui.View.
func (v *noticed) Close() {
	v.notices.mu.Lock()
	v.notices.view = nil
	v.notices.mu.Unlock()
	v.View.Close()
}
