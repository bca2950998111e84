package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
)

// The test binary serves as meshplan with one more provider: objects in a file instead of a cluster.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"meshplan-k8s": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())) },
		"meshplan": func() {
			os.Exit(run(&app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Environ(), registry: inMemory, now: time.Now}, os.Args[1:]))
		},
	})
}

// inMemory reads what scripts ask for: WORLD is the file of the objects; FAIL lists operations that fail, as
// `create:name`; PANIC one that panics; HOLD one that makes a file `held` and goes on when there is a file `release`,
// or, with HOLD_SIGNAL, a little after the first signal.
func inMemory(connection) providers.Registry {
	world, err := memory.OpenWorld(os.Getenv("WORLD"))
	if err != nil {
		panic(err)
	}
	world.SetFault(func(op, name string) (error, bool) {
		what := op + ":" + name
		if os.Getenv("HOLD") == what {
			hold()
		}
		switch {
		case os.Getenv("PANIC") == what:
			panic("planned by the script")
		case strings.Contains(" "+os.Getenv("FAIL")+" ", " "+what+" "):
			return errors.New("the script says that " + what + " fails"), false
		}
		return nil, false
	})
	return providers.Registry{"memory": memory.New(world)}
}

func hold() {
	signals := make(chan os.Signal, 1)
	if os.Getenv("HOLD_SIGNAL") != "" {
		signal.Notify(signals, os.Interrupt)
	}
	_ = os.WriteFile("held", nil, 0o600)
	for range 6000 {
		select {
		case <-signals:
			time.Sleep(200 * time.Millisecond) // let the command notice as well
			return
		case <-time.After(10 * time.Millisecond):
		}
		if _, err := os.Stat("release"); err == nil {
			return
		}
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       golden.Update(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("WORLD", env.WorkDir+"/world.json")
			env.Setenv("COLUMNS", "100")
			env.Setenv("LANG", "C.UTF-8")
			env.Setenv("TERM", "xterm")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "world": editWorld, "normalize": normalize, "waitfor": waitFor},
	})
}

// exits runs a command and compares its exit code: `exits 2 meshplan drift`.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// editWorld changes objects behind meshplan's back: `world put NAME VALUE`, `world remove NAME`, `world names NAME...`.
func editWorld(ts *testscript.TestScript, neg bool, args []string) {
	w, err := memory.OpenWorld(ts.Getenv("WORLD"))
	ts.Check(err)
	switch {
	case neg || len(args) == 0:
		ts.Fatalf("usage: world put|remove|names ...")
	case args[0] == "put":
		o := w.Objects()[args[1]]
		o.Input = fmt.Sprintf(`{"value":{"text":%q},"type":["object",{"text":"string"}]}`, args[2])
		w.Put(args[1], o)
	case args[0] == "remove":
		w.Remove(args[1])
	case args[0] == "names":
		if got, want := fmt.Sprint(w.Names()), fmt.Sprint(args[1:]); got != want {
			ts.Fatalf("there are the objects %s, want %s", got, want)
		}
	}
}

// waitFor waits until a file exists, and holds a text: `waitfor FILE [TEXT]`.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	for range 6000 {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && (len(args) < 2 || strings.Contains(string(b), args[1])) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s does not appear", strings.Join(args, ": "))
}

// normalize makes a file comparable: times, durations, identifiers and directories become words.
func normalize(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		b, err := os.ReadFile(path)
		ts.Check(err)
		b = golden.Replace(
			`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`, "TIME",
			`"(lineage|configuration_hash)":"[^"]*"`, `"$1":"ID"`,
			`"elapsed_seconds":[0-9.e+-]+`, `"elapsed_seconds":0`,
			`\d+(\.\d+)?(ms|µs|s)\b`, "DURATION",
			`"meshplan":"[^"]*"`, `"meshplan":"VERSION"`, `"meshplan [^"]*"`, `"meshplan VERSION"`,
			` +DURATION`, " DURATION",
			`[a-z0-9_-]+@[A-Za-z0-9_.-]+`, "USER@HOST",
		)(b)
		b = bytes.ReplaceAll(b, []byte(ts.Getenv("WORK")), []byte("WORK"))
		ts.Check(os.WriteFile(path, b, 0o644))
	}
}
