package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/meshplan/meshplan/state"
)

type fragileSession struct {
	state.Session
	lost chan struct{}
}

func (s fragileSession) Lost() <-chan struct{} { return s.lost }

func TestWhileHeld(t *testing.T) {
	s := fragileSession{lost: make(chan struct{})}
	ctx, release := whileHeld(t.Context(), s)
	defer release()
	if ctx.Err() != nil {
		t.Fatal("the context has ended although the lock is held")
	}
	close(s.lost)
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), state.ErrLost) {
		t.Errorf("cause is %v, want ErrLost", context.Cause(ctx))
	}
	plain, release := whileHeld(t.Context(), nil)
	defer release()
	if plain != t.Context() {
		t.Error("a lock that cannot be lost needs no other context")
	}
}
