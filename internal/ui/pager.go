package ui

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"golang.org/x/term"
)

// Pager shows long text a screen at a time, by the program that the environment names. Text that fits the screen is
// written as it is when the pager is closed. It is used by one goroutine, and must be closed.
type Pager struct {
	out           *os.File
	command       string
	environ       []string
	width, height int

	text    bytes.Buffer // what was written so far
	column  int          // of the last row
	rows    int          // that are full
	escape  bool         // within a sequence that colours
	cmd     *exec.Cmd    // once it runs
	stdin   io.WriteCloser
	signals chan os.Signal
	left    bool // the reader has seen enough
}

// NewPager returns a pager for what is written to out, or nil where text is not paged: when out is no terminal or one
// that cannot move its cursor, in a build system, and when the environment names no pager. As with other programs,
// MESHPLAN_PAGER goes before PAGER, and empty or `cat` means none; without either it is less, which ends by itself when
// the text fits, passes colours and leaves the screen as it is (LESS=FRX, unless LESS is set).
func NewPager(out io.Writer, environ []string) *Pager {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	env := map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	if env["TERM"] == "dumb" || env["CI"] != "" && env["CI"] != "false" {
		return nil
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 1 || height < 2 {
		return nil
	}
	command := pagerCommand(env)
	if command == "" {
		return nil
	}
	p := &Pager{out: f, command: command, environ: environ, width: width, height: height}
	for _, v := range [][2]string{{"LESS", "FRX"}, {"LV", "-c"}} {
		if _, set := env[v[0]]; !set {
			p.environ = append(p.environ[:len(p.environ):len(p.environ)], v[0]+"="+v[1])
		}
	}
	return p
}

// pagerCommand returns the command of the pager, or "".
func pagerCommand(env map[string]string) string {
	for _, name := range []string{"MESHPLAN_PAGER", "PAGER"} {
		if command, set := env[name]; set {
			if command = strings.TrimSpace(command); command == "cat" {
				return ""
			}
			return command
		}
	}
	if _, err := exec.LookPath("less"); err != nil {
		return ""
	}
	return "less"
}

// Write implements io.Writer. It never fails because the reader has left the pager: nobody wants the rest.
func (p *Pager) Write(b []byte) (int, error) {
	p.text.Write(b)
	if p.cmd != nil {
		p.send(b)
		return len(b), nil
	}
	p.count(b)
	if p.rows >= p.height { // the prompt takes the last row
		if err := p.start(); err != nil {
			p.command, p.height = "", int(^uint(0)>>1) // Close writes it all
			return len(b), nil
		}
		p.send(p.text.Bytes())
	}
	return len(b), nil
}

// count follows how many rows of the terminal the text fills. Colours take no room.
func (p *Pager) count(b []byte) {
	for _, r := range string(b) {
		switch {
		case p.escape:
			p.escape = r != 'm'
		case r == '\x1b':
			p.escape = true
		case r == '\n':
			p.rows, p.column = p.rows+1, 0
		case p.column == p.width:
			p.rows, p.column = p.rows+1, 1
		default:
			p.column++
		}
	}
}

func (p *Pager) start() error {
	words := strings.Fields(p.command)
	if strings.ContainsAny(p.command, "'\"\\$;&|<>()`*?=~") {
		words = []string{"sh", "-c", p.command}
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.environ, p.out, p.out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// An interrupt is for the pager, which stays and gives the terminal back; were we to end, it would be left behind.
	p.signals = make(chan os.Signal, 1)
	signal.Notify(p.signals, os.Interrupt)
	p.cmd, p.stdin = cmd, stdin
	return nil
}

func (p *Pager) send(b []byte) {
	if p.left {
		return
	}
	_, err := p.stdin.Write(b)
	p.left = err != nil
}

// Close shows what is left and waits until the reader has left the pager.
func (p *Pager) Close() error {
	if p.cmd == nil {
		_, err := p.out.Write(p.text.Bytes())
		p.text.Reset()
		return err
	}
	_ = p.stdin.Close() // a reader who has left has closed it
	err := p.cmd.Wait()
	signal.Stop(p.signals)
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == 126 || exit.ExitCode() == 127) { // the shell found no such program
		_, err = p.out.Write(p.text.Bytes())
		return err
	}
	return nil
}

// Terminal returns the terminal that shows the text, so that colours and width are those of it.
func (p *Pager) Terminal() *os.File { return p.out }
