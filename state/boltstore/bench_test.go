package boltstore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

// filled returns a locked store with n records of about 600 bytes, each depending on the one before.
func filled(b *testing.B, n int) (*Store, state.Session, state.Writer) {
	b.Helper()
	s, err := Open(filepath.Join(b.TempDir(), "state.db"), Options{NoBackup: true})
	ok(b, err)
	session := lock(b, s)
	w := begin(b, session)
	value := strings.Repeat("v", 600)
	var put []*state.Record
	for i := range n {
		r := record(at(i), value)
		if i > 0 {
			r.DependsOn = []addr.Instance{at(i - 1)}
		}
		put = append(put, r)
	}
	ok(b, w.Settle(put, nil))
	return s, session, w
}

// written counts the bytes that this process has handed to write calls, where the system says so.
func writtenBytes() (n int) {
	b, err := os.ReadFile("/proc/self/io")
	if err == nil {
		fmt.Sscanf(string(b[strings.Index(string(b), "wchar"):]), "wchar: %d", &n)
	}
	return n
}

func BenchmarkSnapshot(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, _, _ := filled(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if got := len(snapshot(b, s).Records); got != n {
					b.Fatal(got)
				}
			}
		})
	}
}

// BenchmarkCommitOne changes one record of many.
func BenchmarkCommitOne(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, _, w := filled(b, n)
			before := writtenBytes()
			i := 0
			for b.Loop() {
				ok(b, w.Settle([]*state.Record{record(at(i*7919%n), "changed")}, nil))
				i++
			}
			b.ReportMetric(float64(writtenBytes()-before)/float64(i), "written-B/op")
		})
	}
}

// BenchmarkCommitAfterMassDelete changes one record of a file that has mostly become free pages.
func BenchmarkCommitAfterMassDelete(b *testing.B) {
	_, _, w := filled(b, 100_000)
	var all []addr.Instance
	for i := 100; i < 100_000; i++ {
		all = append(all, at(i))
	}
	ok(b, w.Settle(nil, all))
	before, i := writtenBytes(), 0
	for b.Loop() {
		ok(b, w.Settle([]*state.Record{record(at(i%100), "changed")}, nil))
		i++
	}
	b.ReportMetric(float64(writtenBytes()-before)/float64(i), "written-B/op")
}

// BenchmarkApply journals 5,000 steps of 16 workers: an intent and an outcome each, every one of them synced.
func BenchmarkApply(b *testing.B) {
	const steps, workers = 5000, 16
	for b.Loop() {
		s, session, w := filled(b, 1)
		before := snapshot(b, s).Serial
		work := make(chan int, steps)
		for i := range steps {
			work <- i
		}
		close(work)
		value := strings.Repeat("v", 600)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for i := range work {
					if err := w.Intend(state.Intent{Step: i, Addr: at(i), Op: "create", Planned: []byte(value), At: time.Now()}); err != nil {
						b.Error(err)
					}
					if err := w.Record(state.Outcome{Step: i, Addr: at(i), After: record(at(i), value), At: time.Now()}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		b.ReportMetric(float64(2*steps)/float64(snapshot(b, s).Serial-before), "writes/commit")
		ok(b, session.Unlock())
	}
}

// BenchmarkSnapshotDuringWrites reads 10,000 records while 16 goroutines commit without a pause, and reports the commits
// that happen meanwhile.
func BenchmarkSnapshotDuringWrites(b *testing.B) {
	s, _, w := filled(b, 10_000)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := g; ; i += 16 {
				select {
				case <-stop:
					return
				default:
				}
				if err := w.Settle([]*state.Record{record(at(i%10_000), "changed")}, nil); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	var worst time.Duration
	before, n := snapshot(b, s).Serial, 0
	for b.Loop() {
		start := time.Now()
		snapshot(b, s)
		worst = max(worst, time.Since(start))
		n++
	}
	b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
	b.ReportMetric(float64(snapshot(b, s).Serial-before)/float64(n), "commits/op")
	close(stop)
	wg.Wait()
}
