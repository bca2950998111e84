package boltstore

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/meshplan/meshplan/state"
)

// children are the programs that this test binary runs as other processes.
func children() map[string]func(path string) {
	return map[string]func(string){"write": childWrite, "hold": childHold, "fill": childFill}
}

func startChild(t *testing.T, name, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BOLTSTORE_CHILD="+name, "BOLTSTORE_PATH="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

func childSession(path string) (*Store, state.Session) {
	s, err := Open(path, Options{NoBackup: true})
	check(err)
	session, err := s.Lock(ctx, state.Holder{ID: "child", User: "bob", Host: "ci", PID: os.Getpid()}, 0)
	check(err)
	check(session.Adopt(own))
	return s, session
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

// childWrite journals steps from eight goroutines for ever and prints what has been acknowledged.
func childWrite(path string) {
	_, session := childSession(path)
	w, err := session.Begin(state.Run{Mode: "normal"})
	check(err)
	fmt.Printf("run %d\n", w.ID())
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				step := i*8 + g
				a := at(g*40 + i%40) // as in the engine, nobody else writes this record at the same time
				check(w.Intend(state.Intent{Step: step, Addr: a, Op: "update"}))
				fmt.Printf("intended %d\n", step)
				value := fmt.Sprintf("run %d step %d", w.ID(), step)
				check(w.Record(state.Outcome{Step: step, Addr: a, After: record(a, value)}))
				fmt.Printf("recorded %d\n", step)
			}
		})
	}
	wg.Wait()
}

// childHold takes the lock and keeps it.
func childHold(path string) {
	childSession(path)
	fmt.Println("locked")
	time.Sleep(time.Minute)
}

// childFill writes until the file may not grow any more, then gets more room and goes on.
func childFill(path string) {
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
