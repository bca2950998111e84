package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A sandbox that is up runs pods, tells users apart, counts requests, and leaves nothing behind when it is down.
func TestUpDown(t *testing.T) {
	dir, c := up(t, "--nodes", "3", "--audit")
	ctx := context.Background()

	if again := sandbox(t, "up", "--dir", dir); again != filepath.Join(dir, "kubeconfig") {
		t.Errorf("second up printed %q, want the kubeconfig's path", again)
	}
	nodes, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 3 {
		t.Fatalf("nodes = %d, %v, want 3", len(nodes.Items), err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
	if _, err := c.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod is Ready", func() error { return podReady(c, "default", "p") })
	if err := c.CoreV1().Pods("default").Delete(ctx, "p", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod is gone", func() error {
		_, err := c.CoreV1().Pods("default").Get(ctx, "p", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, errors.New("still there"))
	})

	file := filepath.Join(t.TempDir(), "bob")
	if err := os.WriteFile(file, []byte(sandbox(t, "kubeconfig", "--dir", dir, "--user", "bob")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, file).CoreV1().Pods("default").List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("listing as bob: %v, want forbidden", err)
	}
	if n := audited(t, dir, "bob", "list"); n != 1 {
		t.Errorf("the audit log has %d list requests of bob, want 1", n)
	}

	sandbox(t, "down", "--dir", dir)
	gone(t, dir)
}

// audited counts the requests of a user in the audit log.
func audited(t *testing.T, dir, user, verb string) int {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		var e struct {
			Verb string
			User struct{ Username string }
		}
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatalf("audit log line %q: %v", s.Text(), err)
		}
		if e.User.Username == user && e.Verb == verb {
			n++
		}
	}
	return n
}

func podReady(c *clients, namespace, name string) error {
	p, err := c.CoreV1().Pods(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, cond := range p.Status.Conditions {
		if cond.Type == corev1.PodReady && cond.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return errors.New("not Ready")
}

// down keeps what it did not make.
func TestDownKeepsForeignFiles(t *testing.T) {
	binary(t)
	dir := t.TempDir()
	foreign := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sandbox(t, "up", "--dir", dir)
	sandbox(t, "down", "--dir", dir)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "notes.txt" {
		t.Errorf("after down the folder holds %v (%v), want only notes.txt", entries, err)
	}
}

// run hands over the exit code and the kubeconfig, and cleans up.
func TestRun(t *testing.T) {
	cmd := exec.Command(binary(t), "run", "--", "sh", "-c", `test -s "$KUBECONFIG" && echo "$SANDBOX_DIR"; exit 7`)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("run ended with %v, want exit code 7", err)
	}
	gone(t, strings.TrimSpace(string(out)))
}

// However run ends, its command, its cluster and its folder end with it.
func TestRunEndsWithEverything(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(s.String(), func(t *testing.T) {
			cmd := exec.Command(binary(t), "run", "--", "sh", "-c", `echo "$SANDBOX_DIR"; exec sleep 600`)
			dir := started(t, cmd)
			signal(t, cmd, s)
			_ = cmd.Wait()
			gone(t, dir)
		})
	}
	t.Run("parent killed", func(t *testing.T) {
		script := `"$0" run -- sh -c 'echo "$SANDBOX_DIR"; exec sleep 600' & wait`
		cmd := exec.Command("sh", "-c", script, binary(t))
		dir := started(t, cmd)
		signal(t, cmd, syscall.SIGKILL)
		_ = cmd.Wait()
		gone(t, dir)
	})
}

// started starts a command and returns the first line that it prints.
func started(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
