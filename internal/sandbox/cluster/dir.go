package cluster

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
)

// Dir is the folder one sandbox lives in. Everything a sandbox writes is below it, so that removing the names
// listed in made is a complete clean-up:
//
//	kubeconfig   administrator access (group system:masters)
//	audit.log    one JSON line per API request, with Options.Audit
//	log/         output of every component
//	pki/         certificate authorities, service account key
//	etcd/        the store
//	run/         pid files, component configuration
//	sandbox.json what was asked for; present from the first moment of up until the end of down
//	lock         serialises up and down
type Dir string

// made lists the names a sandbox creates in its folder.
var made = []string{"etcd", "pki", "log", "run", "kubeconfig", "audit.log", "sandbox.json"}

const lockName = "lock"

func (d Dir) path(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}

// Kubeconfig is the path of the administrator's kubeconfig.
func (d Dir) Kubeconfig() string { return d.path("kubeconfig") }

// AuditLog is the path of the audit log, which exists only when the sandbox was started with Options.Audit.
func (d Dir) AuditLog() string { return d.path("audit.log") }

// Log is the path of one component's output.
func (d Dir) Log(component string) string { return d.path("log", component+".log") }

func (d Dir) pid(component string) string { return d.path("run", component+".pid") }

// record is what sandbox.json holds.
type record struct {
	Options Options `json:"options"`
	// OwnsDir says that the folder did not exist before, so down removes it as well.
	OwnsDir bool `json:"ownsDir"`
}

// prepare creates the folder's content and its record. What a sandbox that was killed left there goes first.
func (d Dir) prepare(o Options, owns bool) error {
	if old, err := d.record(); err == nil {
		owns = owns || old.OwnsDir
		d.clear()
	}
	if o.Nodes == 0 {
		o.Nodes = DefaultNodes
	}
	for _, sub := range []string{"pki", "log", "run"} {
		if err := os.MkdirAll(d.path(sub), 0o700); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(record{Options: o, OwnsDir: owns}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(d.path("sandbox.json"), append(b, '\n'), 0o600)
}

func (d Dir) record() (record, error) {
	var r record
	b, err := os.ReadFile(d.path("sandbox.json"))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

// clear removes what a sandbox made inside the folder and keeps everything else.
func (d Dir) clear() {
	for _, name := range made {
		_ = os.RemoveAll(d.path(name))
	}
}

// remove clears the folder, and removes the folder itself when the sandbox had created it and nobody else put
// anything there.
func (d Dir) remove(r record) {
	d.clear()
	_ = os.Remove(d.path(lockName))
	if r.OwnsDir {
		_ = os.Remove(string(d))
	}
}

// lock serialises up and down on one folder; the returned function releases it. The lock belongs to the open file,
// so it goes with the process that holds it.
func (d Dir) lock() (release func(), err error) {
	for {
		f, err := os.OpenFile(d.path(lockName), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			f.Close()
			return nil, err
		}
		// The previous holder may have been a down that removed the file while this process waited for it.
		held, err1 := f.Stat()
		named, err2 := os.Stat(d.path(lockName))
		if err1 == nil && err2 == nil && os.SameFile(held, named) {
			return func() { f.Close() }, nil
		}
		f.Close()
	}
}
