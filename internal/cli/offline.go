package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/statefile"
	"github.com/meshplan/meshplan/state"
)

// CodeOfflineState: offline, no state can be read, so everything counts as new (a warning).
const CodeOfflineState diag.Code = "plan.offline-state"

// openOffline is open without the network, and without trust: the configuration may come from a stranger's pull request.
// So its backend is not asked, paths in it lead nowhere outside of its directory, and the state is a file: one that a
// flag names, a copy by "state pull" included, or the one in the directory.
func (a *app) openOffline(cmd *cobra.Command, dir string, in *inputFlags) (*workspace, hcl.Diagnostics) {
	w := &workspace{app: a, cmd: cmd, in: in, dir: dir}
	var ds hcl.Diagnostics
	if w.config, ds = config.Load(dir, config.Options{Version: versionNumber()}); ds.HasErrors() {
		return w, ds
	}
	if ds = append(ds, w.assign(nil)...); ds.HasErrors() {
		return w, ds
	}
	if in.state == "" && w.config.Settings.Backend == "kubernetes" {
		w.store = copied{&state.Snapshot{}}
		return w, append(ds, diag.Warning(CodeOfflineState, "No state is read offline", "The state is kept in a cluster, which is not asked offline, so everything counts as new. "+
			"To compare with it, copy it where the cluster can be reached and name the copy:\n  meshplan state pull >state.json\n  meshplan plan --offline --state state.json", &w.config.Settings.BackendRange))
	}
	if in.state != "" {
		snap, err := readCopy(in.state)
		if err != nil {
			return w, append(ds, diag.Errorf(CodeOfflineState, "State cannot be read", "The copy of a state in %s cannot be read: %s.", in.state, err))
		}
		if snap != nil {
			w.store = copied{snap}
			return w, ds
		}
	}
	store, more := backend.Open(&w.config.Settings, backend.Options{Dir: dir, Path: in.state, Confined: true, Getenv: a.getenv, Now: a.now})
	if ds = append(ds, more...); !ds.HasErrors() {
		w.store = store.Store
	}
	return w, ds
}

// readCopy reads what "state pull" printed. Anything else that is there gives nil: it is the file of a backend.
func readCopy(name string) (*state.Snapshot, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return nil, err
	}
	if head = bytes.TrimLeft(head[:n], " \t\r\n"); len(head) == 0 || head[0] != '{' {
		return nil, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return statefile.Read(f)
}

// copied is a store that can only be read, and has no history.
type copied struct{ snap *state.Snapshot }

func (c copied) Snapshot(context.Context) (*state.Snapshot, error) { return c.snap, nil }

func (c copied) Lock(context.Context, state.Holder, time.Duration) (state.Session, error) {
	return nil, fmt.Errorf("a copy of a state cannot be written")
}

func (c copied) Runs(context.Context) ([]state.Run, error) { return nil, nil }

func (c copied) Journal(context.Context, state.RunID) (*state.Journal, error) {
	return nil, state.ErrNoRun
}

func (c copied) Close() error { return nil }
