package examples

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/meshplan/meshplan/internal/alarm"
	"github.com/meshplan/meshplan/internal/testenv"
)

var serviceAccounts = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}

// pod runs the command of a job as its pod would: the root directory holds the program, the mounts, the service
// account's token and nothing else; only /tmp can be written to; the user is another one. What KWOK does not do is done
// here, since its pods run nothing.
type pod struct {
	w       *workspace
	account string
	args    []string
	env     []string
	root    string
}

// newPod reads the command of a Job or a CronJob. The ConfigMap "rollout" lies in /rollout as a kubelet lays it out, with
// links.
func newPod(t *testing.T, w *workspace, job *unstructured.Unstructured) *pod {
	t.Helper()
	template := field(job.Object, "spec", "template")
	if job.GetKind() == "CronJob" {
		template = field(job.Object, "spec", "jobTemplate", "spec", "template")
	}
	p := &pod{w: w, root: t.TempDir(), account: field(template, "spec", "serviceAccountName").(string)}
	container := field(template, "spec", "containers", "0")
	for _, a := range field(container, "args").([]any) {
		p.args = append(p.args, a.(string))
	}
	for _, e := range field(container, "env").([]any) {
		if value, ok := field(e, "value").(string); ok {
			p.env = append(p.env, field(e, "name").(string)+"="+value)
		}
	}
	p.buildRoot(t)
	p.mount(t)
	p.writeAccount(t, p.token(t))
	return p
}

// buildRoot makes the root directory with the program and the libraries that it is linked with, if any.
func (p *pod) buildRoot(t *testing.T) {
	t.Helper()
	for dir, mode := range map[string]os.FileMode{"": 0o755, "tmp": 0o777, "rollout": 0o755} {
		dir = filepath.Join(p.root, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, program(), filepath.Join(p.root, "meshplan"))
	out, err := exec.CommandContext(t.Context(), "ldd", program()).Output()
	if err != nil {
		return // nothing is linked
	}
	for _, word := range strings.Fields(string(out)) {
		if filepath.IsAbs(word) {
			copyFile(t, word, filepath.Join(p.root, word))
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mount lays the ConfigMap out.
func (p *pod) mount(t *testing.T) {
	t.Helper()
	data, _, _ := unstructured.NestedStringMap(object(t, configMaps, "meshplan", "rollout").Object, "data")
	dir := filepath.Join(p.root, "rollout", "..2026_11_25_03_17_00.1")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Base(dir), filepath.Join(p.root, "rollout", "..data")); err != nil {
		t.Fatal(err)
	}
	for name, text := range data {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(p.root, "rollout", name)); err != nil {
			t.Fatal(err)
		}
	}
}

// token asks the API server for a token of the service account, as a kubelet does.
func (p *pod) token(t *testing.T) string {
	t.Helper()
	request := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
		"metadata": map[string]any{"name": p.account}, "spec": map[string]any{"expirationSeconds": int64(3600)}}}
	answer, err := testenv.Dynamic(t).Resource(serviceAccounts).Namespace("meshplan").Create(t.Context(), request, metav1.CreateOptions{}, "token")
	if err != nil {
		t.Fatal(err)
	}
	return field(answer.Object, "status", "token").(string)
}

// writeAccount writes what a kubelet mounts for the service account, and how a pod finds the API server.
func (p *pod) writeAccount(t *testing.T, token string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", testenv.Kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	ca := config.CAData
	if len(ca) == 0 {
		if ca, err = os.ReadFile(config.CAFile); err != nil {
			t.Fatal(err)
		}
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(p.root, "var/run/secrets/kubernetes.io/serviceaccount")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"token": token, "ca.crt": string(ca), "namespace": "meshplan"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.env = append(p.env, "KUBERNETES_SERVICE_HOST="+server.Hostname(), "KUBERNETES_SERVICE_PORT="+server.Port(), "NO_COLOR=1", "COLUMNS=200")
}

// withToken is the same pod with another token.
func (p *pod) withToken(token string) *pod {
	t := p.w.t
	t.Helper()
	out := *p
	out.root = t.TempDir()
	out.buildRoot(t)
	out.mount(t)
	out.writeAccount(t, token)
	return &out
}

// run runs the command of the job and ends the test when it exits with another code.
func (p *pod) run(code int) result {
	p.w.t.Helper()
	r := p.start(p.args...)
	if r.code != code {
		p.w.t.Fatalf("%s as %s: exit code %d, want %d\n%s", r.line, p.account, r.code, code, r.text())
	}
	return r
}

// start runs the program in the pod to its end.
func (p *pod) start(args ...string) result {
	t := p.w.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	if t.Context().Err() != nil { // in Cleanup
		ctx, cancel = context.WithTimeout(context.Background(), commandTimeout)
	}
	defer cancel()
	cmd := exec.CommandContext(ctx, "/meshplan", args...)
	cmd.Dir, cmd.Env = "/", p.env
	const nobody = 65532
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: p.root, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	} else {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: p.root, Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Skipf("a root directory of its own needs root or user namespaces: %v", err)
	}
	p.w.said.Write(stdout.Bytes())
	p.w.said.Write(stderr.Bytes())
	r := result{line: "meshplan " + strings.Join(args, " "), stdout: stdout.String(), stderr: stderr.String(), code: p.w.exitCode(cmd, err)}
	t.Logf("%s as %s: exit code %d", r.line, p.account, r.code)
	return r
}

// hook is a webhook on loopback.
type hook struct {
	*httptest.Server
	mu       sync.Mutex // guards messages
	messages []alarm.Message
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get(alarm.HeaderSignature) != alarm.Sign([]byte("shared"), r.Header.Get(alarm.HeaderTimestamp), body) {
			t.Error("the signature is wrong")
		}
		var m alarm.Message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.messages = append(h.messages, m)
	}))
	t.Cleanup(h.Close)
	return h
}

// last returns the last of n messages, and ends the test when there are more or fewer.
func (h *hook) last(t *testing.T, n int) alarm.Message {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.messages) != n {
		t.Fatalf("%d messages, want %d: %+v", len(h.messages), n, h.messages)
	}
	if n == 0 {
		return alarm.Message{}
	}
	return h.messages[n-1]
}
