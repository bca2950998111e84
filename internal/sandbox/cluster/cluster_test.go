package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// clear removes what a sandbox made and nothing else; remove also takes the folder that the sandbox had made.
func TestDirRemove(t *testing.T) {
	for _, owns := range []bool{true, false} {
		d := Dir(filepath.Join(t.TempDir(), "d"))
		if err := d.prepare(Options{}, owns); err != nil {
			t.Fatal(err)
		}
		release, err := d.lock()
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.record()
		if err != nil || r.OwnsDir != owns || r.Options.Nodes != DefaultNodes {
			t.Fatalf("record = %+v, %v", r, err)
		}
		d.remove(r)
		release()
		_, err = os.Stat(string(d))
		if gone := os.IsNotExist(err); gone != owns {
			t.Errorf("after remove with OwnsDir %v the folder is gone: %v", owns, gone)
		}
	}
}

// A pid file names one process, not whoever has its number later.
func TestProcessIdentity(t *testing.T) {
	p, err := Start("sleep", exec.Command("sleep", "60"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pid")
	if err := writePid(file, p.cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	id, err := readPid(file)
	if err != nil || !id.alive() {
		t.Fatalf("identity = %+v, %v, want a live process", id, err)
	}
	other := identity{id.pid, id.start + 1}
	if other.alive() {
		t.Error("a process with another start time passes for the recorded one")
	}
	id.kill(time.Second)
	if code := p.ExitCode(); code != 128+int(syscall.SIGTERM) || id.alive() {
		t.Errorf("exit code = %d, alive %v", code, id.alive())
	}
}

func TestFreePorts(t *testing.T) {
	ports, err := freePorts(20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if seen[p] || p < portLow || p >= portHigh {
			t.Errorf("ports = %v, want distinct ones in range", ports)
		}
		seen[p] = true
	}
}

// Addresses of nodes and pods do not overlap, for as many nodes as anyone starts here.
func TestNodesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for i := range 300 {
		n := node(i)
		for _, s := range []string{n.Name, n.Spec.PodCIDR, n.Status.Addresses[0].Address} {
			if seen[s] {
				t.Fatalf("node %d repeats %s", i, s)
			}
			seen[s] = true
		}
	}
}
