package engine

import (
	"context"
	"time"
)

// awaitSettled waits until no write of a run that died can still be on its way. What a system shows before that may be the
// world without a write that lands a moment later, so that an object is taken to be as wanted which then is not. It returns
// early when ctx ends: what comes next fails of it.
func (w *world) awaitSettled(ctx context.Context) {
	rest := w.unsettled()
	if rest <= 0 {
		return
	}
	select {
	case <-time.After(rest):
	case <-ctx.Done():
	}
}

// unsettled returns how long that takes. The intents may bear the time of another machine's clock: one that is ahead makes
// nobody wait longer than the whole time.
func (w *world) unsettled() (rest time.Duration) {
	now := w.engine.options.Now()
	if w.underWay {
		return 0
	}
	for _, in := range w.snapshot.Unresolved {
		rest = max(rest, w.engine.options.Settling-max(0, now.Sub(in.At)))
	}
	return rest
}
