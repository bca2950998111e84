package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a child that dies with this process, whichever way this process ends.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed after the child was reaped
}

// Start starts cmd as a child that gets signal onDeath when this process ends, even by SIGKILL.
//
// The kernel sends that signal when the THREAD that forked ends, so all children are forked by one goroutine that
// keeps its thread for the life of the process.
func Start(name string, cmd *exec.Cmd, onDeath syscall.Signal) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = onDeath
	result := make(chan error)
	forks() <- func() { result <- cmd.Start() }
	if err := <-result; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// forks returns the queue of the goroutine that forks.
var forks = sync.OnceValue(func() chan<- func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range c {
			f()
		}
	}()
	return c
})

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends s unless the child has ended.
func (p *Process) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// ExitCode is the child's exit code, 128 plus the number of the signal that ended it. Call it after Done.
func (p *Process) ExitCode() int {
	<-p.done
	ws, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Stop asks the child to end and kills it after grace.
func (p *Process) Stop(grace time.Duration) {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Signal(syscall.SIGKILL)
		<-p.done
	}
}

// identity names a process so that a recycled pid is not mistaken for it.
type identity struct {
	pid   int
	start uint64 // clock ticks after boot, from /proc
}

// identify returns the identity of the running process pid.
func identify(pid int) (identity, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return identity{}, err
	}
	// The second field is the command in parentheses and may hold anything; count from its end.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return identity{}, fmt.Errorf("unexpected form of /proc/%d/stat", pid)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return identity{}, os.ErrProcessDone
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	return identity{pid, start}, err
}

// alive says whether exactly this process still runs.
func (id identity) alive() bool {
	now, err := identify(id.pid)
	return err == nil && now == id
}

// kill ends the process if it still is the one that was recorded: SIGTERM, then SIGKILL after grace.
func (id identity) kill(grace time.Duration) {
	deadline := time.Now().Add(grace)
	sig := syscall.SIGTERM
	if grace == 0 {
		sig = syscall.SIGKILL
	}
	for id.alive() {
		_ = syscall.Kill(id.pid, sig)
		sig = 0
		if time.Now().After(deadline) {
			sig = syscall.SIGKILL
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func writePid(file string, pid int) error {
	id, err := identify(pid)
	if err != nil {
		return err
	}
	return os.WriteFile(file, fmt.Appendf(nil, "%d %d\n", id.pid, id.start), 0o600)
}

func readPid(file string) (identity, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return identity{}, err
	}
	var id identity
	if _, err := fmt.Sscan(string(b), &id.pid, &id.start); err != nil || id.pid <= 1 {
		return identity{}, errors.Join(err, fmt.Errorf("%s holds no process", file))
	}
	return id, nil
}
