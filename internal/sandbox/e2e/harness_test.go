// Package e2e tests the sandbox as its users see it: the built binary, a kubeconfig, a client.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// binary returns the sandbox under test, or skips.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("MESHPLAN_SANDBOX")
	if path == "" {
		path = "../../../bin/sandbox"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no sandbox at %s: build it with `make sandbox` or name it in MESHPLAN_SANDBOX", path)
	}
	return path
}

// sandbox runs one command of the binary and returns its standard output.
func sandbox(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sandbox %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// up starts a sandbox that ends with the test and returns its folder and a client.
func up(t *testing.T, flags ...string) (dir string, c *clients) {
	t.Helper()
	binary(t)
	dir = filepath.Join(t.TempDir(), "sandbox")
	kubeconfig := sandbox(t, append([]string{"up", "--dir", dir}, flags...)...)
	t.Cleanup(func() { sandbox(t, "down", "--dir", dir) })
	return dir, connect(t, kubeconfig)
}

type clients struct {
	kubernetes.Interface
	config *rest.Config
	dyn    dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

func connect(t *testing.T, kubeconfig string) *clients {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	return &clients{
		Interface: kubernetes.NewForConfigOrDie(config), config: config, dyn: dynamic.NewForConfigOrDie(config),
		mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(config))),
	}
}

// apply applies every object of a YAML stream. New kinds take a moment to be served, so it tries again for a while.
func (c *clients) apply(t *testing.T, manifests []byte) {
	t.Helper()
	for _, o := range parse(t, manifests) {
		eventually(t, o.GetKind()+" "+o.GetName()+" is applied", func() error {
			_, err := c.tryApply(o)
			return err
		})
	}
}

func (c *clients) tryApply(o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	gvk := o.GroupVersionKind()
	m, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		c.mapper.Reset()
		return nil, err
	}
	var r dynamic.ResourceInterface = c.dyn.Resource(m.Resource)
	if m.Scope.Name() == "namespace" {
		r = c.dyn.Resource(m.Resource).Namespace(o.GetNamespace())
	}
	return r.Apply(context.Background(), o.GetName(), o, metav1.ApplyOptions{FieldManager: "test", Force: true})
}

func parse(t *testing.T, manifests []byte) []*unstructured.Unstructured {
	t.Helper()
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	var out []*unstructured.Unstructured
	for {
		o := &unstructured.Unstructured{}
		err := d.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) > 0 {
			out = append(out, o)
		}
	}
}

// eventually waits until check succeeds.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting until %s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// processes returns the pids of running processes whose command line mentions dir.
func processes(t *testing.T, dir string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("needs /proc")
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && bytes.Contains(line, []byte(dir)) {
			out = append(out, pid)
		}
	}
	return out
}

// gone waits until no process and no file of the sandbox is left.
func gone(t *testing.T, dir string) {
	t.Helper()
	eventually(t, "nothing is left", func() error {
		if pids := processes(t, dir); len(pids) > 0 {
			return fmt.Errorf("processes %v run", pids)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			return fmt.Errorf("%s is there (%v)", dir, err)
		}
		return nil
	})
}

func signal(t *testing.T, cmd *exec.Cmd, s syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
