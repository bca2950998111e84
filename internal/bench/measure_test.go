package bench

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// rounds is how often a thing is measured; the median counts.
const rounds = 3

// enabled skips measurements in an ordinary test run: they need an idle machine.
func enabled(t *testing.T) {
	t.Helper()
	if os.Getenv("MESHPLAN_BENCH") == "" {
		t.Skip("measurements need an idle machine; run make bench")
	}
}

// median runs f several times and returns the median of its times.
func median(t *testing.T, f func() time.Duration) time.Duration {
	t.Helper()
	var all []time.Duration
	for range rounds {
		all = append(all, f())
	}
	return middle(all)
}

// middle returns the median.
func middle[T cmp.Ordered](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// quotient returns the median of the ratios of what was measured in the same rounds.
func quotient(a, b []time.Duration) float64 {
	var all []float64
	for i := range a {
		all = append(all, float64(a[i])/float64(b[i]))
	}
	return middle(all)
}

// line prints one measurement beside its budget.
func line(t *testing.T, what string, got, budget time.Duration, more ...any) {
	t.Helper()
	verdict := "ok"
	if budget > 0 && got > budget {
		verdict = "OVER"
	}
	t.Logf("%-58s %10s  budget %-8s %-5s %s", what, got.Round(time.Millisecond), budget, verdict, fmt.Sprint(more...))
}

// ratio prints a ratio and fails when it is over its limit.
func ratio(t *testing.T, what string, got, limit float64) {
	t.Helper()
	t.Logf("%-58s %9.2f×  limit %.1f×", what, got, limit)
	if got > limit {
		t.Errorf("%s: %.2f×, limit %.1f×", what, got, limit)
	}
}

// binary returns bin/meshplan.
func binary(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "..", "..", "bin", "meshplan")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	return path
}

// run runs meshplan in a directory and returns its wall time and its largest resident memory in bytes.
func run(t *testing.T, dir string, env []string, wantCode int, args ...string) (time.Duration, int64) {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if code := cmd.ProcessState.ExitCode(); code != wantCode {
		t.Fatalf("meshplan %v: exit code %d, want %d: %v\n%s", args, code, wantCode, err, out)
	}
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if usage == nil {
		return took, 0
	}
	return took, usage.Maxrss * 1024
}

// measured returns a figure of run for memory, and fails when it is not meshplan's: a process starts with the figure of
// the one that started it.
func measured(t *testing.T, rss int64) int64 {
	t.Helper()
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil || rss == 0 {
		t.Fatal("the system does not say how much memory a process used")
	}
	if rss <= own.Maxrss*1024 {
		t.Fatalf("meshplan used no more than the %d MiB of this process: how much it was cannot be told", own.Maxrss>>10)
	}
	return rss
}

// alone runs the test in a process of its own and returns false there. What uses much memory would otherwise be in the
// figures of every process that is started afterwards.
func alone(t *testing.T) bool {
	t.Helper()
	const variable = "MESHPLAN_BENCH_ALONE"
	if os.Getenv(variable) == t.Name() {
		return false
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60m")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	out, err := cmd.CombinedOutput()
	t.Logf("in a process of its own:\n%s", out)
	if err != nil {
		t.Error(err)
	}
	return true
}

func write(t *testing.T, dir, name, src string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
}
