package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// onTerminal runs a command line in a terminal of 80 columns and some rows, and returns what was on it. input is typed
// once the text `until` has appeared.
func onTerminal(t *testing.T, rows int, env []string, until, input string, args ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "meshplan")
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = t.TempDir()
	for _, e := range os.Environ() {
		if n, _, _ := strings.Cut(e, "="); n != "CI" && n != "PAGER" && n != "MESHPLAN_PAGER" && n != "LESS" && n != "COLUMNS" {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(append(cmd.Env, "TERM=xterm", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "WORLD="+filepath.Join(cmd.Dir, "world.json")), env...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: uint16(rows), Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var seen bytes.Buffer
	buffer := make([]byte, 4096)
	for {
		n, err := tty.Read(buffer)
		seen.Write(buffer[:n])
		if input != "" && strings.Contains(seen.String(), until) {
			_, _ = io.WriteString(tty, input)
			input = ""
		}
		if err != nil { // the other end is closed
			break
		}
	}
	_ = cmd.Wait()
	return strings.ReplaceAll(seen.String(), "\r", "")
}

// Long text goes through a pager on a terminal; what fits, what is not wanted so and what a build system runs does not.
func TestPager(t *testing.T) {
	mark := "MESHPLAN_PAGER=echo '<paged>'; cat"
	for _, tt := range []struct {
		name  string
		rows  int
		env   []string
		args  []string
		paged bool
	}{
		{"long", 24, []string{mark}, []string{"explain"}, true},
		{"help", 24, []string{mark}, []string{"help", "guide-first-rollout"}, true},
		{"help of a command", 24, []string{mark}, []string{"plan", "--help"}, true},
		{"PAGER", 24, []string{"PAGER=echo '<paged>'; cat"}, []string{"explain"}, true},
		{"MESHPLAN_PAGER goes before PAGER", 24, []string{"PAGER=echo '<paged>'; cat", "MESHPLAN_PAGER=cat"}, []string{"explain"}, false},
		{"empty", 24, []string{"MESHPLAN_PAGER="}, []string{"explain"}, false},
		{"fits", 24, []string{mark}, []string{"explain", "config.cycle"}, false},
		{"fits a tall terminal", 5000, []string{mark}, []string{"explain"}, false},
		{"--no-pager", 24, []string{mark}, []string{"explain", "--no-pager"}, false},
		{"help --no-pager", 24, []string{mark}, []string{"plan", "--help", "--no-pager"}, false},
		{"CI", 24, []string{mark, "CI=true"}, []string{"explain"}, false},
		{"dumb", 24, []string{mark, "TERM=dumb"}, []string{"explain"}, false},
		{"missing program", 24, []string{"MESHPLAN_PAGER=no-such-pager"}, []string{"explain"}, false},
		{"missing program in a shell", 24, []string{"MESHPLAN_PAGER=no-such-pager '<paged>'"}, []string{"explain"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			screen := onTerminal(t, tt.rows, tt.env, "", "", tt.args...)
			if got := strings.Contains(screen, "<paged>\n"); got != tt.paged {
				t.Errorf("paged: %v, want %v:\n%s", got, tt.paged, screen)
			}
			if len(screen) < 100 || tt.args[0] == "explain" && len(tt.args) == 1 && !strings.Contains(screen, "state.locked") {
				t.Errorf("text is missing:\n%s", screen)
			}
		})
	}
}

// Less is the pager when nothing names one: it is left with q, and colours are colours in it. What is left of the text
// when its reader goes is not missed.
func TestPagerIsLess(t *testing.T) {
	if _, err := exec.LookPath("less"); err != nil {
		t.Skip("less is not installed")
	}
	screen := onTerminal(t, 24, nil, ":", "q", "explain")
	if !strings.Contains(screen, "\x1b[1m") || strings.Contains(screen, "ESC[") {
		t.Errorf("colours are not shown as such:\n%q", screen)
	}
	if strings.Contains(screen, "state.locked") {
		t.Errorf("the text was not stopped:\n%s", screen)
	}
	short := onTerminal(t, 24, nil, "", "", "explain", "config.cycle")
	if !strings.Contains(short, "config.cycle") || strings.Contains(short, "(END)") {
		t.Errorf("what fits was paged:\n%s", short)
	}
}

// Plans end with what people look for, so they are paged for those only who ask meshplan to; the question of an apply
// always stands below the whole plan.
func TestPagerAndPlans(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, "resource \"memory_object\" \"o%d\" {\n  name = \"o%d\"\n}\n", i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.mesh.hcl"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	const pager = "echo '<paged>'; cat"
	if screen := onTerminal(t, 24, []string{"PAGER=" + pager}, "", "", "plan", dir); strings.Contains(screen, "<paged>") || !strings.Contains(screen, "Plan: 40 to create") {
		t.Errorf("PAGER alone paged a plan, or the plan is missing:\n%s", screen)
	}
	screen := onTerminal(t, 24, []string{"MESHPLAN_PAGER=" + pager}, "", "", "plan", "--out", filepath.Join(dir, "saved"), dir)
	if begin, end := strings.Index(screen, "<paged>"), strings.Index(screen, "Saved to"); begin < 0 || end < begin || !strings.Contains(screen[begin:end], "Plan: 40 to create") {
		t.Errorf("the plan was not paged as asked:\n%s", screen)
	}
	screen = onTerminal(t, 24, []string{"MESHPLAN_PAGER=" + pager}, "Enter a value:", "no\n", "apply", dir)
	if strings.Contains(screen, "<paged>") || !strings.Contains(screen, "Not approved") {
		t.Errorf("the plan of an apply was paged, or nobody was asked:\n%s", screen)
	}
}
