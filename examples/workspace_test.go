package examples

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/testenv"
)

// commandTimeout bounds one command. The longest, a whole rollout, takes less than a minute.
const commandTimeout = 5 * time.Minute

// workspace is a copy of a configuration in a directory of its own, and everything that the program said in it.
type workspace struct {
	t    *testing.T
	dir  string
	env  []string
	said bytes.Buffer
}

// newWorkspace copies an example; "" gives an empty directory. When the test ends, what the workspace has made is removed.
func newWorkspace(t *testing.T, example string) *workspace {
	t.Helper()
	w := &workspace{t: t, dir: t.TempDir(), env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "KUBECONFIG=" + testenv.Kubeconfig(t),
		"MESHPLAN_VAR_simulate_traffic=true", "MESHPLAN_PROGRESS=plain", "NO_COLOR=1", "COLUMNS=120", "LANG=C.UTF-8",
	}}
	if example != "" {
		if err := os.CopyFS(w.dir, os.DirFS(example)); err != nil {
			t.Fatal(err)
		}
		// The script of the demonstration is no configuration, and it names what checkNoKeys looks for.
		if err := os.Remove(filepath.Join(w.dir, "demo.sh")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	t.Cleanup(w.clean)
	return w
}

// clean destroys what a test that failed has left, so that the next one begins with an empty cluster.
func (w *workspace) clean() {
	if _, err := os.Stat(w.state()); errors.Is(err, fs.ErrNotExist) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	if out, err := w.command(ctx, "destroy", "--auto-approve", "--progress", "quiet", "--summary").CombinedOutput(); err != nil {
		w.t.Errorf("cleaning up: %v\n%s", err, out)
	}
}

func (w *workspace) state() string { return filepath.Join(w.dir, ".meshplan", "state.db") }

func (w *workspace) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program(), args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	return cmd
}

// result is a command that has ended.
type result struct {
	line, stdout, stderr string
	code                 int
	found                []finding // with diagnose
}

// run runs the program to its end.
func (w *workspace) run(args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), commandTimeout)
	defer cancel()
	cmd := w.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	code := w.exitCode(cmd, cmd.Run())
	w.said.Write(stdout.Bytes())
	w.said.Write(stderr.Bytes())
	r := result{line: "meshplan " + strings.Join(args, " "), stdout: stdout.String(), stderr: stderr.String(), code: code}
	w.t.Logf("%s: exit code %d after %.1fs", r.line, code, time.Since(began).Seconds())
	return r
}

// exitCode returns the exit code of a command; what ended without one ends the test.
func (w *workspace) exitCode(cmd *exec.Cmd, err error) int {
	w.t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	}
	w.t.Fatalf("%v: %v", cmd.Args[1:], err)
	return 0
}

// must runs the program and ends the test when it exits with another code.
func (w *workspace) must(code int, args ...string) result {
	w.t.Helper()
	r := w.run(args...)
	if r.code != code {
		w.t.Fatalf("%s: exit code %d, want %d\n%s", r.line, r.code, code, r.text())
	}
	return r
}

func (r result) text() string {
	return "--- standard output\n" + tail(r.stdout) + "--- standard error\n" + tail(r.stderr)
}

func tail(s string) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "")
}

// finding is a diagnostic as --json-into writes it.
type finding struct {
	Severity, Code, Summary, Detail, Address string
	Range                                    *struct {
		Filename string
		Start    struct{ Line int }
	}
}

// message is a line of --json-into.
type message struct {
	Type       string
	Diagnostic finding
	Hook       struct{ Resource struct{ Addr string } }
}

// diagnose runs the program and reads the errors that it reports.
func (w *workspace) diagnose(args ...string) result {
	w.t.Helper()
	var out result
	for _, m := range w.messages(&out, args...) {
		if m.Type == "diagnostic" && m.Diagnostic.Severity == "error" {
			out.found = append(out.found, m.Diagnostic)
		}
	}
	return out
}

// messages runs the program and returns what --json-into holds then.
func (w *workspace) messages(out *result, args ...string) []message {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "messages.json")
	*out = w.run(append(args, "--json-into", path)...)
	b, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.said.Write(b)
	var all []message
	for line := range bytes.Lines(b) {
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

// until runs the program and sends it a signal as soon as a line of its progress matches; progress for machines leaves nothing out. It
// fails when the program ends before.
func (w *workspace) until(moment string, sig os.Signal, args ...string) result {
	w.t.Helper()
	p := w.start(append(args, "--progress", "json")...)
	p.wait(moment)
	if err := p.cmd.Process.Signal(sig); err != nil {
		w.t.Fatal(err)
	}
	return p.end()
}

// process is a command that runs.
type process struct {
	w              *workspace
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	lines          *bufio.Reader
}

// start starts the program. It is killed with the test, if it has not ended.
func (w *workspace) start(args ...string) *process {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), commandTimeout)
	w.t.Cleanup(cancel)
	p := &process{w: w, cmd: w.command(ctx, args...)}
	p.cmd.Stdout = &p.stdout
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	p.lines = bufio.NewReader(pipe)
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// wait reads progress until a line matches.
func (p *process) wait(moment string) {
	p.w.t.Helper()
	match := regexp.MustCompile(moment)
	for {
		line, err := p.lines.ReadString('\n')
		p.stderr.WriteString(line)
		switch {
		case err != nil:
			r := p.end()
			p.w.t.Fatalf("%s ended with exit code %d and never said %q\n%s", r.line, r.code, moment, r.text())
		case match.MatchString(line):
			return
		}
	}
}

// end waits for the end. The exit code of a process that a signal ended is -1.
func (p *process) end() result {
	p.w.t.Helper()
	_, _ = p.lines.WriteTo(&p.stderr)
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.w.t.Fatal(err)
	}
	p.w.said.Write(p.stdout.Bytes())
	p.w.said.Write(p.stderr.Bytes())
	r := result{line: "meshplan " + strings.Join(p.cmd.Args[1:], " "), stdout: p.stdout.String(), stderr: p.stderr.String(), code: p.cmd.ProcessState.ExitCode()}
	p.w.t.Logf("%s: exit code %d", r.line, r.code)
	return r
}

// digest is the digest of a file; empty when there is none.
func digest(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return string(sum[:])
}

// write writes a file of the configuration.
func (w *workspace) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// read reads a file of the configuration.
func (w *workspace) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// lineOf returns the number of the first line of a file that holds a text.
func (w *workspace) lineOf(name, text string) int {
	w.t.Helper()
	before, _, ok := strings.Cut(w.read(name), text)
	if !ok {
		w.t.Fatalf("%s holds no %q", name, text)
	}
	return strings.Count(before, "\n") + 1
}

// words makes text comparable however it was wrapped.
func words(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "│", " ")), " ")
}
