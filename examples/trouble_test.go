package examples

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
)

// sharedState makes a workspace for twoMaps whose state lies in the cluster behind a proxy; the objects do not.
func sharedState(t *testing.T, name, namespace, kubeconfig string) *workspace {
	t.Helper()
	w := newWorkspace(t, "")
	w.env = append(w.env, "MESHPLAN_VAR_namespace="+namespace, "MESHPLAN_STATE_KUBECONFIG="+kubeconfig)
	w.write("maps.mesh.hcl", twoMaps)
	w.write("backend.mesh.hcl", `meshplan {
  backend "kubernetes" {
    namespace      = "`+namespace+`"
    name           = "`+name+`"
    lease_duration = "6s"
  }
}
`)
	return w
}

// TestLeaseIsLostInTheMiddle cuts an apply off from its state while it waits: it stops by itself, a second operator takes the
// lock over and completes the run, and nothing is there twice.
func TestLeaseIsLostInTheMiddle(t *testing.T) {
	namespace := testenv.Namespace(t)
	proxy := faultproxy.New(t, testenv.Kubeconfig(t))
	first := sharedState(t, "team", namespace, proxy.Kubeconfig)
	second := sharedState(t, "team", namespace, testenv.Kubeconfig(t))

	running := first.start("apply", "--auto-approve", "--progress", "json")
	running.wait(`kubernetes_manifest\.awaited: .*ready`)
	proxy.Set(faultproxy.Rule{Fault: faultproxy.Reset()})
	taking := second.start("apply", "--auto-approve", "--lock-timeout", "2m", "--progress", "json")
	stopped := running.end()
	if stopped.code != 3 {
		t.Errorf("exit code %d of the run that lost its lock, want 3\n%s", stopped.code, stopped.text())
	}
	contains(t, stopped, words(stopped.stdout+stopped.stderr), "lock of the state was lost")
	ready(t, namespace)
	proxy.Set()
	if done := taking.end(); done.code != 0 && done.code != 5 { // its plan may be overtaken by what the first run still recorded
		t.Errorf("exit code %d of the second operator\n%s", done.code, done.text())
	}
	second.must(0, "apply", "--auto-approve")
	second.must(0, "plan", "--detailed-exitcode")
	if r := second.must(0, "history"); !strings.Contains(r.stdout, "interrupted") {
		t.Errorf("no run is listed as interrupted\n%s", r.stdout)
	}
	if got := strings.Join(mapsIn(t, namespace), " "); got != "awaited last settings" {
		t.Errorf("objects %s", got)
	}
	if n := len(second.lines("state", "list")); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

// TestThrottledState applies while the API server refuses every second request to the state with 429, loses answers and is slow.
func TestThrottledState(t *testing.T) {
	namespace := testenv.Namespace(t)
	proxy := faultproxy.New(t, testenv.Kubeconfig(t),
		faultproxy.Rule{Match: faultproxy.Both(faultproxy.Writes, faultproxy.Path("/secrets")), Every: 2, Fault: faultproxy.Refuse(http.StatusTooManyRequests, "slow down", time.Second)},
		faultproxy.Rule{Match: faultproxy.Path("/leases"), Every: 3, Fault: faultproxy.Delay(500 * time.Millisecond)},
		faultproxy.Rule{Match: faultproxy.Both(faultproxy.Writes, faultproxy.Path("/secrets")), Every: 5, Fault: faultproxy.LoseAnswer()})
	w := sharedState(t, "throttled", namespace, proxy.Kubeconfig)
	running := w.start("apply", "--auto-approve", "--progress", "json")
	running.wait(`kubernetes_manifest\.awaited: .*ready`)
	ready(t, namespace)
	if r := running.end(); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.text())
	}
	w.must(0, "plan", "--detailed-exitcode")
	if n := len(w.lines("state", "list")); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

// TestDiskFullInTheMiddle fills the disk under an apply, at its beginning and at several boundaries: no further step is
// started, the exit code says that something was done, and the next run goes on with nothing lost.
func TestDiskFullInTheMiddle(t *testing.T) {
	for _, death := range some([]string{"1 after begin", "2 before outcome", "4 after intent", "1 before finish"}, 2) {
		t.Run(death, func(t *testing.T) {
			ns := testenv.Namespace(t)
			w := newWorkspace(t, "")
			w.env = append(w.env, "MESHPLAN_VAR_namespace="+ns, "MESHPLAN_VAR_round=3")
			w.write("main.mesh.hcl", chaos)
			ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
			defer cancel()
			cmd := w.mortalCommand(ctx, death, "apply", "--auto-approve", "--summary")
			cmd.Env = append(cmd.Env, envFull+"=1")
			out, err := cmd.CombinedOutput()
			exit, ok := err.(*exec.ExitError)
			if !ok || exit.ExitCode() != 3 || !strings.Contains(string(out), "file too large") {
				t.Errorf("the run ended with %v, want exit code 3\n%s", err, tail(string(out)))
			}
			w.must(0, "apply", "--auto-approve", "--summary")
			w.must(0, "plan", "--detailed-exitcode")
			checkSame(t, w, ns, death)
		})
	}
}

// TestRefusedAfterALostAnswer creates an object whose first answer is lost and whose repeated request is refused: the
// refusal does not say that nothing was made. The object stays recorded, and undoing the runs takes it away again.
func TestRefusedAfterALostAnswer(t *testing.T) {
	ns := testenv.Namespace(t)
	creates := func(r *http.Request) bool {
		return faultproxy.Writes(r) && r.URL.Query().Get("dryRun") == "" && strings.HasSuffix(r.URL.Path, "/configmaps/orphan")
	}
	proxy := faultproxy.New(t, testenv.Kubeconfig(t),
		faultproxy.Rule{Match: creates, Times: 1, Fault: faultproxy.LoseAnswer()},
		faultproxy.Rule{Match: creates, Fault: faultproxy.Refuse(http.StatusForbidden, "not now", 0)})
	w := newWorkspace(t, "")
	w.env = append(w.env, "KUBECONFIG="+proxy.Kubeconfig)
	w.write("main.mesh.hcl", fmt.Sprintf("resource \"kubernetes_manifest\" \"orphan\" {\n  manifest = {\n    apiVersion = \"v1\"\n    kind = \"ConfigMap\"\n    metadata = { name = \"orphan\", namespace = %q }\n  }\n}\n", ns))
	w.must(3, "apply", "--auto-approve")
	if hits := proxy.Hits(); hits[0] != 1 || hits[1] == 0 {
		t.Fatalf("the trouble did not come: %v", hits)
	}
	proxy.Set()
	if got := strings.Join(mapsIn(t, ns), " "); got != "orphan" {
		t.Fatalf("objects %q", got)
	}
	if n := len(w.lines("state", "list")); n != 1 {
		t.Errorf("%d records after the failure, want 1", n)
	}
	w.must(0, "apply", "--auto-approve")
	w.must(0, "rollback", "--to", "0", "--auto-approve")
	if got := mapsIn(t, ns); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}
