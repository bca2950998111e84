package cli

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// An offline plan of the reference rollout, with every kind of resource and data source that it has, opens no
// connection and runs no program, whatever the kubeconfig says.
func TestOfflineTouchesNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var seen atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			seen.Add(1)
			conn.Close()
		}
	}()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "rollout"), os.DirFS("../../examples/mtls-rollout")); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "plugin.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntouch "+filepath.Join(dir, "EXECUTED")+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://%s"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: %q, interactiveMode: Never}}}]
`, listener.Addr(), script)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	meshplan := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := Main(args, strings.NewReader(""), &out, &errs, []string{"HOME=" + dir, "KUBECONFIG=" + kubeconfig, "MESHPLAN_KUBECONFIG=" + kubeconfig})
		return code, out.String() + errs.String()
	}
	for name, args := range map[string][]string{
		"charts in the directory": nil,
		"charts in a repository":  {"--var", "repository=http://" + listener.Addr().String(), "--var", "chart_version=1.0.0"},
		"charts in a registry":    {"--var", "repository=oci://" + listener.Addr().String() + "/charts", "--var", "chart_version=1.0.0"},
		"a cluster named by flag": {"--kubeconfig", kubeconfig, "--context", "c"},
		"nothing to compare with": {"--refresh=false", "--target", "linkerd_control_plane.linkerd"},
		"everything deleted":      {"--destroy"},
	} {
		code, said := meshplan(append([]string{"plan", "--offline", "--summary", filepath.Join(dir, "rollout")}, args...)...)
		if code != exitOK || !strings.Contains(said, "Offline: made from the state alone") {
			t.Errorf("%s: exit code %d\n%s", name, code, said)
		}
	}
	if n := seen.Load(); n > 0 {
		t.Errorf("%d connections", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "EXECUTED")); err == nil {
		t.Error("the plugin of the kubeconfig was run")
	}
	// The listener and the plugin work: with the cluster they are seen.
	if code, said := meshplan("plan", filepath.Join(dir, "rollout")); code == exitOK {
		t.Errorf("a plan with the cluster that is none: %s", said)
	}
	if _, err := os.Stat(filepath.Join(dir, "EXECUTED")); err != nil {
		t.Error("without --offline the plugin should have been run: this test would see nothing")
	}
}
