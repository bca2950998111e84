package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// SuperviseCommand is the word that makes the binary behave as the supervisor.
const SuperviseCommand = "supervise"

const supervisorName = "supervisor"

// stopGrace is how long a supervisor gets to end its components, which takes it a fraction of a second.
const stopGrace = 10 * time.Second

// Up starts a detached sandbox in d and returns when it is usable. It reports false when one was running already.
func Up(ctx context.Context, d Dir, o Options) (started bool, err error) {
	_, err = os.Stat(string(d))
	created := errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return false, err
	}
	release, err := d.lock()
	if err != nil {
		return false, err
	}
	defer release()
	if id, err := readPid(d.pid(supervisorName)); err == nil && id.alive() {
		return false, nil
	}
	p, err := d.launch(ctx, o, created, 0)
	if err != nil {
		return false, err
	}
	_ = p.cmd.Process.Release()
	return true, nil
}

// Down ends the sandbox in d and removes what it made. It reports false when there was none.
func Down(d Dir) (stopped bool, err error) {
	r, err := d.record()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	release, err := d.lock()
	if err != nil {
		return false, err
	}
	defer release()
	if id, err := readPid(d.pid(supervisorName)); err == nil {
		id.kill(stopGrace)
	}
	// Children die with their supervisor; this is for the one whose kernel did not say so.
	for _, name := range []string{Kwok, Scheduler, ControllerManager, APIServer, Etcd} {
		if id, err := readPid(d.pid(name)); err == nil {
			id.kill(0)
		}
	}
	d.remove(r)
	return true, nil
}

// launch starts a supervisor in d and waits until its sandbox is usable. With onDeath the supervisor gets that
// signal when this process ends; without it, it is detached. The caller holds the lock.
func (d Dir) launch(ctx context.Context, o Options, ownsDir bool, onDeath syscall.Signal) (*Process, error) {
	if err := d.prepare(o, ownsDir); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(d.Log(supervisorName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	ready, report, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	cmd := exec.Command(self, SuperviseCommand, "--dir", string(d))
	cmd.Dir = "/" // so that no file system is kept busy
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{report}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p, err := Start(supervisorName, cmd, onDeath)
	report.Close()
	if err != nil {
		return nil, err
	}
	if err := writePid(d.pid(supervisorName), cmd.Process.Pid); err != nil {
		p.Stop(stopGrace)
		return nil, err
	}
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(ready).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		if strings.TrimSpace(line) == "ready" {
			return p, nil
		}
		<-p.Done()
		err = fmt.Errorf("the sandbox did not start: %s", d.tail(supervisorName))
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.Stop(stopGrace)
	if r, rerr := d.record(); rerr == nil {
		d.remove(r)
	}
	return nil, err
}

// RunSupervisor is the supervisor's main function: it runs the sandbox recorded in d until ctx ends, then removes
// what the sandbox made. After a component died the folder stays, so that its logs can be read; down removes it.
func RunSupervisor(ctx context.Context, d Dir, attach Attach) error {
	r, err := d.record()
	if err != nil {
		return err
	}
	report := os.NewFile(3, "report")
	if !r.Options.Mesh {
		attach = nil
	}
	err = Supervise(ctx, d, r.Options, attach, func() {
		fmt.Fprintln(report, "ready")
		report.Close()
	})
	if err == nil {
		d.remove(r)
	}
	return err
}

// Resolve returns the absolute form of a folder given by a user.
func Resolve(dir string) (Dir, error) {
	abs, err := filepath.Abs(dir)
	return Dir(abs), err
}
