package examples

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/meshplan/meshplan/internal/cli"
)

// The test binary is meshplan when envDeath is set, and kills itself as kill -9 does when it comes to a boundary of the
// state for the n-th time: "3 after intent", or "17" for whatever boundary is the seventeenth. envBoundaries names a
// file that lists the boundaries it has passed. With envFull the process does not die there, but no file can grow any
// more from there on, as on a full disk.
const (
	envDeath      = "MESHPLAN_TEST_DEATH"
	envBoundaries = "MESHPLAN_TEST_BOUNDARIES"
	envFull       = "MESHPLAN_TEST_FULL"
)

// forever is a death that no run lives to see.
const forever = "1000000"

// mortal is the program.
func mortal(at, list string) int {
	count, name, _ := strings.Cut(at, " ")
	left, err := strconv.Atoi(count)
	if err != nil {
		panic(err)
	}
	var passed *os.File
	if list != "" {
		if passed, err = os.OpenFile(list, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			panic(err)
		}
	}
	var mu sync.Mutex // guards left
	return cli.MainWith(cli.Hooks{Reached: func(boundary string) {
		mu.Lock()
		defer mu.Unlock()
		if passed != nil {
			fmt.Fprintln(passed, boundary)
		}
		if name != "" && name != boundary {
			return
		}
		left--
		switch {
		case left == 0 && os.Getenv(envFull) != "":
			signal.Ignore(syscall.SIGXFSZ)
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: 4096}); err != nil {
				panic(err)
			}
		case left == 0:
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // nothing more happens, not even until the signal is there
		}
	}}, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())
}

// mortalCommand is a command that dies at a boundary.
func (w *workspace) mortalCommand(ctx context.Context, death string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Dir, cmd.Env = w.dir, append(slices.Clone(w.env), envDeath+"="+death)
	return cmd
}

// dies runs a command that dies at a boundary, and reports whether it came to that; otherwise it must end with one of
// the exit codes.
func (w *workspace) dies(death string, args []string, codes ...int) bool {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), commandTimeout)
	defer cancel()
	out, err := w.mortalCommand(ctx, death, args...).CombinedOutput()
	w.said.Write(out)
	if err == nil {
		return false
	}
	exit, ok := err.(*exec.ExitError)
	switch {
	case !ok || ctx.Err() != nil:
		w.t.Fatalf("%v: %v", args, err)
	case exit.ExitCode() == -1:
		return true
	case !slices.Contains(codes, exit.ExitCode()):
		w.t.Fatalf("%v: exit code %d\n%s", args, exit.ExitCode(), tail(string(out)))
	}
	return false
}

// boundaries runs a command to its end and returns which boundaries it passed, by how often.
func (w *workspace) boundaries(args ...string) map[string]int {
	w.t.Helper()
	list := w.t.TempDir() + "/boundaries"
	w.env = append(w.env, envBoundaries+"="+list)
	defer func() { w.env = w.env[:len(w.env)-1] }()
	if w.dies(forever, args) {
		w.t.Fatalf("%v was killed", args)
	}
	b, err := os.ReadFile(list)
	if err != nil {
		w.t.Fatal(err)
	}
	passed := map[string]int{}
	for line := range strings.Lines(string(b)) {
		passed[strings.TrimSpace(line)]++
	}
	return passed
}

// deaths lists where to kill a command that passes such boundaries: at each of them the first time, the last time, and in
// between.
func deaths(passed map[string]int) (out []string) {
	for name, n := range passed {
		for _, at := range slices.Compact([]int{1, (n + 1) / 2, n}) {
			out = append(out, fmt.Sprintf("%d %s", at, name))
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		_, x, _ := strings.Cut(a, " ")
		_, y, _ := strings.Cut(b, " ")
		return cmp.Or(strings.Compare(x, y), strings.Compare(a, b))
	})
	return out
}

// thorough reports whether all deaths are to be died (make chaos), or a few.
func thorough() bool { return os.Getenv("MESHPLAN_CHAOS") != "" }

// some returns every death when the test is thorough, and else a few, from all parts of the list.
func some(all []string, few int) []string {
	if thorough() || len(all) <= few {
		return all
	}
	var out []string
	for i := range few {
		out = append(out, all[i*len(all)/few])
	}
	return out
}

// TestDeaths is about the tests themselves: a boundary that nothing passes would prove nothing.
func TestDeaths(t *testing.T) {
	got := strings.Join(deaths(map[string]int{"after intent": 5, "before finish": 1}), ", ")
	if got != "1 after intent, 3 after intent, 5 after intent, 1 before finish" {
		t.Errorf("deaths: %s", got)
	}
}
