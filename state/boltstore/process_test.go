package boltstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/statetest"
)

// TestKilled kills a process that writes from eight goroutines, again and again, and checks that all it had been told
// to be durable is there.
func TestKilled(t *testing.T) {
	s := tempStore(t)
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		cmd, lines := startChild(t, "write", s.Path())
		timer := time.AfterFunc(time.Duration(5+rand.IntN(150))*time.Millisecond, func() { cmd.Process.Kill() })
		var run state.RunID
		intended, recorded := map[int]bool{}, map[int]bool{}
		for lines.Scan() {
			word, number, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.Atoi(number)
			if err != nil {
				continue // cut off by the kill
			}
			switch word {
			case "run":
				run = state.RunID(n)
			case "intended":
				intended[n] = true
			case "recorded":
				recorded[n] = true
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		timer.Stop()
		statetest.CheckInvariants(t, s)
		if run == 0 {
			continue
		}
		checkKilled(t, s, round, run, intended, recorded)
	}
	session := lock(t, s) // the lock went with the process
	begin(t, session)
	if snap := snapshot(t, s); snap.Unfinished() == 0 {
		t.Error("the run that has just begun is not unfinished")
	}
	runs, err := s.Runs(ctx)
	ok(t, err)
	for _, r := range runs[:len(runs)-1] {
		if r.Result != state.Interrupted {
			t.Errorf("run %d is %s, want interrupted", r.ID, r.Result)
		}
	}
}

func checkKilled(t *testing.T, s *Store, round int, run state.RunID, intended, recorded map[int]bool) {
	snap := snapshot(t, s)
	if snap.Unfinished() != run {
		t.Errorf("round %d: run %d is unfinished, want %d", round, snap.Unfinished(), run)
	}
	j, err := s.Journal(ctx, run)
	ok(t, err)
	open := map[int]bool{}
	for _, i := range snap.Unresolved {
		if i.Run == run {
			open[i.Step] = true
		}
	}
	for _, e := range j.Steps {
		delete(intended, e.Intent.Step)
		if e.Outcome != nil {
			delete(recorded, e.Intent.Step)
		} else if !open[e.Intent.Step] {
			t.Errorf("round %d: step %d has no outcome and is not unresolved", round, e.Intent.Step)
		}
	}
	if len(intended) > 0 || len(recorded) > 0 {
		t.Errorf("round %d: acknowledged and lost: intents %v, outcomes %v", round, intended, recorded)
	}
	last := map[string]string{} // of each address, the outcome with the highest revision
	revision := map[string]uint64{}
	for _, e := range j.Steps {
		if o := e.Outcome; o != nil && o.After.Revision > revision[o.Addr.String()] {
			revision[o.Addr.String()], last[o.Addr.String()] = o.After.Revision, string(o.After.Value)
		}
	}
	for _, r := range snap.Records {
		if want, ok := last[r.Addr.String()]; ok && want != string(r.Value) {
			t.Errorf("round %d: the record of %s is %q, its last outcome %q", round, r.Addr, r.Value, want)
		}
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	s := tempStore(t)
	cmd, lines := startChild(t, "hold", s.Path())
	if !lines.Scan() {
		t.Fatal("the child did not lock")
	}
	var locked *state.LockedError
	if _, err := s.Lock(ctx, someone, 50*time.Millisecond); !errors.As(err, &locked) || locked.Holder.User != "bob" || locked.Holder.PID != cmd.Process.Pid {
		t.Errorf("Lock = %v, want a LockedError that names bob and process %d", err, cmd.Process.Pid)
	}
	snapshot(t, s) // reading needs no lock
	timeout, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(timeout, someone, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock with a context that ends = %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { cmd.Process.Kill() })
	session, err := s.Lock(ctx, someone, time.Minute)
	ok(t, err)
	ok(t, session.Unlock())
	cmd.Wait()
	if b, err := os.ReadFile(s.Path() + ".lock"); err != nil || len(b) > 0 {
		t.Errorf("the lock file says %q after Unlock, %v", b, err)
	}
}

func TestLockTwiceInOneProcess(t *testing.T) {
	s := tempStore(t)
	session := lock(t, s)
	var locked *state.LockedError
	if _, err := s.Lock(ctx, someone, 0); !errors.As(err, &locked) || locked.Holder != someone {
		t.Errorf("Lock = %v, want a LockedError that names the holder", err)
	}
	ok(t, session.Unlock())
	ok(t, session.Unlock())
	session, err := s.Lock(ctx, someone, 0)
	ok(t, err)
	ok(t, session.Unlock())
}

// TestReadersDuringWrites reads while another goroutine writes pairs: a snapshot never holds half of one.
func TestReadersDuringWrites(t *testing.T) {
	s := tempStore(t)
	session := lock(t, s)
	w := begin(t, session)
	ok(t, w.Settle([]*state.Record{record(at(0), "0"), record(at(1), "0")}, nil))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			v := strconv.Itoa(i)
			if err := w.Settle([]*state.Record{record(at(0), v), record(at(1), v), record(at(2+i%500), v)}, nil); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var serial uint64
	for range 200 {
		snap := snapshot(t, s)
		if a, b := string(snap.Records[0].Value), string(snap.Records[1].Value); a != b || snap.Serial < serial {
			t.Fatalf("values %s and %s, serial %d after %d", a, b, snap.Serial, serial)
		}
		serial = snap.Serial
	}
	close(stop)
	wg.Wait()
}

// TestStuckReader holds the file as a stopped process would: writes give up with a clear error, and go on afterwards.
func TestStuckReader(t *testing.T) {
	path := tempStore(t).Path()
	s, err := Open(path, Options{Timeout: 20 * time.Millisecond})
	ok(t, err)
	session := lock(t, s)
	f, err := openFile(ctx, path, false, time.Second)
	ok(t, err)
	if err := session.Edit([]*state.Record{record(at(0), "v")}, nil); !errors.Is(err, errBusy) {
		t.Errorf("Edit with a stuck reader: %v, want errBusy", err)
	}
	ok(t, f.db.Close())
	ok(t, session.Edit([]*state.Record{record(at(0), "v")}, nil))
}
