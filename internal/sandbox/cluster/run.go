package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// commandGrace is how long the command gets to end after run was told to.
const commandGrace = 30 * time.Second

// Run runs argv with KUBECONFIG naming a fresh sandbox in d (a temporary folder when d is empty), removes the
// sandbox and returns the command's exit code. It ends early on SIGINT, SIGTERM and SIGHUP, and when the process
// that started it ends. Should it be killed outright, the kernel ends the command and the supervisor cleans up.
func Run(d Dir, o Options, argv []string) (code int, err error) {
	parent := os.Getppid()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go watchParent(parent, signals)

	created := false
	if d == "" {
		tmp, err := os.MkdirTemp("", "sandbox-")
		if err != nil {
			return 1, err
		}
		d, created = Dir(tmp), true
	} else {
		_, err := os.Stat(string(d))
		created = errors.Is(err, fs.ErrNotExist)
		if err := os.MkdirAll(string(d), 0o700); err != nil {
			return 1, err
		}
	}
	supervisor, err := d.runSupervised(o, created, signals)
	if err != nil {
		return 1, err
	}
	defer supervisor.Stop(stopGrace)

	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "KUBECONFIG="+d.Kubeconfig(), "SANDBOX_DIR="+string(d))
	p, err := Start(argv[0], cmd, syscall.SIGKILL)
	if err != nil {
		return 127, err
	}
	return attend(p, supervisor, signals)
}

// runSupervised launches the supervisor and gives up when a signal arrives first.
func (d Dir) runSupervised(o Options, created bool, signals <-chan os.Signal) (*Process, error) {
	release, err := d.lock()
	if err != nil {
		return nil, err
	}
	defer release()
	if id, err := readPid(d.pid(supervisorName)); err == nil && id.alive() {
		return nil, fmt.Errorf("a sandbox is already running in %s", d)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	type launched struct {
		p   *Process
		err error
	}
	done := make(chan launched, 1)
	go func() {
		p, err := d.launch(ctx, o, created, syscall.SIGTERM)
		done <- launched{p, err}
	}()
	select {
	case l := <-done:
		return l.p, l.err
	case s := <-signals:
		cancel(fmt.Errorf("%v while starting", s))
		if l := <-done; l.p != nil {
			l.p.Stop(stopGrace)
		}
		return nil, fmt.Errorf("%v while starting", s)
	}
}

// attend waits for the command, passing signals on to it.
func attend(p, supervisor *Process, signals <-chan os.Signal) (int, error) {
	var overdue <-chan time.Time
	for {
		select {
		case <-p.Done():
			return p.ExitCode(), nil
		case <-supervisor.Done():
			p.Stop(commandGrace)
			return 1, errors.New("the sandbox ended before the command")
		case s := <-signals:
			// A key pressed at the terminal reached the command already, and to be told twice may mean more to it.
			if s != syscall.SIGINT || !foreground() {
				p.Signal(s)
			}
			overdue = time.After(commandGrace)
		case <-overdue:
			p.Signal(syscall.SIGKILL)
		}
	}
}

// foreground says whether this process and the command share the terminal's foreground group.
func foreground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// watchParent turns the end of the parent process into SIGTERM. The kernel's own notice is not used here: it is sent
// when the parent's THREAD ends, which in a Go or Java parent happens while the process lives on.
func watchParent(parent int, signals chan<- os.Signal) {
	for os.Getppid() == parent {
		time.Sleep(200 * time.Millisecond)
	}
	signals <- syscall.SIGTERM
}
