package cli

import (
	"syscall"
	"testing"
	"time"
)

// After SIGTERM nobody sends a second signal but the kill: the time that may be left counts as one. SIGINT comes from a person,
// who decides.
func TestTermEndsByItself(t *testing.T) {
	sig := catch(t.Context(), time.Millisecond)
	defer sig.release()
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-sig.first.Done()
	<-sig.second.Done()
	if !sig.seen() {
		t.Error("the signal was not seen")
	}
}
