package boltstore

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/meshplan/meshplan/state"
)

// children are the programs that this test binary runs as other processes.
func children() map[string]func(path string) {
	return map[string]func(string){"write": childWrite, "hold": childHold, "fill": fullDisk, "compact": childCompact}
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

// childCompact begins a session that compacts the file, and kills itself at the boundary that BOLTSTORE_DEATH names.
func childCompact(path string) {
	s, err := Open(path, Options{NoBackup: true, Reached: func(boundary string) {
		if boundary == os.Getenv("BOLTSTORE_DEATH") {
			self, err := os.FindProcess(os.Getpid())
			check(err)
			check(self.Kill())
			select {} // nothing more happens, not even until the signal is there
		}
	}})
	check(err)
	session, err := s.Lock(ctx, state.Holder{ID: "child", User: "bob", Host: "ci", PID: os.Getpid()}, 0)
	check(err)
	check(session.Edit([]*state.Record{record(at(0), "new")}, nil))
	check(session.Unlock())
}
