// Package testenv gives tests a real Kubernetes API: the project's sandbox, started once per package run.
//
// The central idea: a test that talks about Kubernetes behaviour asks for Kubeconfig and Namespace and gets a real
// API server, or fails with the command that builds one. The sandbox ends with the test process, however that ends:
// it reads a pipe that the kernel closes.
//
//	func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{}) }
//
//	func TestX(t *testing.T) {
//		ns := testenv.Namespace(t)
//		pool := kube.NewPool(kube.Options{Kubeconfig: testenv.Kubeconfig(t)})
//	}
//
// Environment: MESHPLAN_SANDBOX names the binary; MESHPLAN_NO_SANDBOX=1 skips tests that need it;
// MESHPLAN_TEST_KUBECONFIG names a cluster that runs already, for quick iterations.
package testenv

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The environment that the package reads.
const (
	envBinary     = "MESHPLAN_SANDBOX"
	envSkip       = "MESHPLAN_NO_SANDBOX"
	envKubeconfig = "MESHPLAN_TEST_KUBECONFIG"
)

// Options say what the sandbox of a package has. The zero value is a plain one.
type Options struct {
	Mesh  bool // stand-ins for Linkerd's injector, proxies and identity
	Audit bool // an audit log in the sandbox's folder
	Nodes int  // 0 means the sandbox's default
}

// shared is the one sandbox of the test process. It is package state because `go test` has no other place for what all
// tests of a package share; mu guards every field but opts, which Main sets before any test runs.
var shared struct {
	opts Options
	mu   sync.Mutex
	env  *sandbox
	err  error
}

// sandbox is a running one.
type sandbox struct {
	binary, dir, kubeconfig string
	cmd                     *exec.Cmd
	hold                    io.Closer // closing it ends the sandbox
}

// errMissing says that there is no sandbox binary.
var errMissing = errors.New("bin/sandbox is missing: run make sandbox, or set " + envSkip + "=1 to skip the tests that need a cluster")

// Main runs the tests of a package and ends the sandbox that they started, if any. It exits the process.
func Main(m *testing.M, o Options) {
	shared.opts = o
	code := m.Run()
	shared.mu.Lock()
	if shared.env != nil {
		shared.env.stop()
	}
	shared.mu.Unlock()
	os.Exit(code)
}

// Kubeconfig returns the path of a kubeconfig with all rights. The first call starts the sandbox.
func Kubeconfig(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(envKubeconfig); path != "" {
		return path
	}
	return running(t).kubeconfig
}

// Another starts a second sandbox for the test alone and returns a kubeconfig for it with all rights.
func Another(t testing.TB) string {
	t.Helper()
	if os.Getenv(envSkip) == "1" {
		t.Skipf("needs a cluster, and %s=1", envSkip)
	}
	s, err := start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s.kubeconfig
}

// UserKubeconfig returns the path of a kubeconfig for a user without any group: RBAC alone says what it may do.
func UserKubeconfig(t testing.TB, user string) string {
	t.Helper()
	var binary, dir string
	if path := os.Getenv(envKubeconfig); path != "" {
		b, err := binaryPath()
		if err != nil {
			t.Fatal(err)
		}
		binary, dir = b, filepath.Dir(path)
	} else {
		s := running(t)
		binary, dir = s.binary, s.dir
	}
	cmd := exec.CommandContext(t.Context(), binary, "kubeconfig", "--dir", dir, "--user", user)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubeconfig of user %s: %v", user, err)
	}
	path := filepath.Join(t.TempDir(), user+".kubeconfig")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// running returns the package's sandbox, starting it when it is the first to ask.
func running(t testing.TB) *sandbox {
	t.Helper()
	if os.Getenv(envSkip) == "1" {
		t.Skipf("needs a cluster, and %s=1", envSkip)
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.env == nil && shared.err == nil {
		shared.env, shared.err = start(shared.opts)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.env
}

// binaryPath finds the sandbox's binary.
func binaryPath() (string, error) {
	if path := os.Getenv(envBinary); path != "" {
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, "bin", "sandbox")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errMissing
		}
		dir = parent
	}
}

// start runs a sandbox whose command waits for the end of its standard input.
func start(o Options) (*sandbox, error) {
	binary, err := binaryPath()
	if err != nil {
		return nil, err
	}
	// The folder does not exist yet, so that the sandbox owns it and removes it even when this process is killed.
	dir := filepath.Join(os.TempDir(), "testenv-"+strings.ToLower(rand.Text()[:12]))
	args := []string{"run", "--dir", dir}
	if o.Nodes > 0 {
		args = append(args, "--nodes", fmt.Sprint(o.Nodes))
	}
	if o.Mesh {
		args = append(args, "--mesh")
	}
	if o.Audit {
		args = append(args, "--audit")
	}
	cmd := exec.Command(binary, append(args, "--", "sh", "-c", `echo "$KUBECONFIG"; exec cat`)...)
	cmd.Stderr = os.Stderr
	hold, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &sandbox{binary: binary, dir: dir, cmd: cmd, hold: hold}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the sandbox did not start: %w", err)
	}
	s.kubeconfig = strings.TrimSpace(line)
	return s, nil
}

// stop ends the sandbox and removes what it left.
func (s *sandbox) stop() {
	_ = s.hold.Close()
	done := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-done
	}
	_ = os.RemoveAll(s.dir)
}

// setup returns a context for set-up calls, which outlive the test's own in Cleanup.
func setup() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 30*time.Second)
}
