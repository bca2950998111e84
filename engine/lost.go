package engine

import (
	"context"

	"github.com/meshplan/meshplan/state"
)

// whileHeld returns a context that ends when the session's lock is about to be lost, with state.ErrLost as its cause:
// steps in flight are aborted, because somebody else may begin soon. The returned function releases it.
func whileHeld(ctx context.Context, session state.Session) (context.Context, func()) {
	fragile, ok := session.(state.Fragile)
	if !ok {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-fragile.Lost():
			cancel(state.ErrLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}
