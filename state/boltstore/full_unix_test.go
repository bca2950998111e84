//go:build unix

package boltstore

import (
	"fmt"
	"os/signal"
	"syscall"
	"testing"

	"github.com/meshplan/meshplan/state"
)

func TestDiskFull(t *testing.T) {
	s := tempStore(t)
	cmd, lines := startChild(t, "fill", s.Path())
	if !lines.Scan() {
		t.Fatal("the child failed")
	}
	ok(t, cmd.Wait())
	if got := fmt.Sprint(len(snapshot(t, s).Records)); got != lines.Text() {
		t.Errorf("%s records, want %s", got, lines.Text())
	}
}

// fullDisk writes until the file may not grow any more, then gets more room and goes on.
func fullDisk(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	s, session := childSession(path)
	w, err := session.Begin(state.Run{Mode: "normal"})
	check(err)
	var limit syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	unlimited := limit.Cur
	limit.Cur = 256 << 10
	check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	big := string(make([]byte, 8<<10))
	n, full := 0, false
	for ; n < 1000 && !full; n++ {
		full = w.Settle([]*state.Record{record(at(n), big)}, nil) != nil
	}
	if !full {
		check(fmt.Errorf("a file of 8 MB fits into 256 KB"))
	}
	n-- // the one that was refused
	for range 3 {
		if err := w.Settle([]*state.Record{record(at(n), big)}, nil); err == nil {
			check(fmt.Errorf("a write was accepted although there was no room"))
		}
	}
	snap, err := s.Snapshot(ctx)
	check(err)
	if len(snap.Records) != n {
		check(fmt.Errorf("there are %d records, want %d", len(snap.Records), n))
	}
	limit.Cur = unlimited
	check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	check(w.Settle([]*state.Record{record(at(n), "fits again")}, nil))
	check(w.Finish(state.Finish{Result: state.Failed}))
	check(session.Unlock())
	fmt.Println(n + 1)
}
