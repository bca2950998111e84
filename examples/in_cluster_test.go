package examples

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/internal/alarm"
	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/internal/testenv"
)

// The kinds of the jobs.
var (
	jobs     = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	cronJobs = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}
	netpols  = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
)

// TestInCluster installs the jobs with meshplan itself and runs their very command lines the way their pods would: with
// the token of the service account and nothing else, as another user, in a root directory of its own that holds the
// program and what the pod mounts. The rights are enough, and the drift job needs each of its own.
func TestInCluster(t *testing.T) {
	admin := newWorkspace(t, "in-cluster")
	admin.must(0, "apply", "--auto-approve", "--summary")
	admin.must(0, "plan", "--detailed-exitcode")

	hook := newHook(t)
	applyPod := newPod(t, admin, fromFile(t, jobs, "in-cluster/apply-job.yaml"))
	driftPod := newPod(t, admin, object(t, cronJobs, "meshplan", "meshplan-drift"))
	driftPod.env = append(driftPod.env, "MESHPLAN_WEBHOOK="+hook.URL, "MESHPLAN_WEBHOOK_SECRET=shared")

	// Nothing is there yet: the drift job has nothing to compare, and says so without an alarm.
	if r := driftPod.run(0); !strings.Contains(r.stdout, "No drift.") {
		t.Errorf("before the first apply: %s", r.text())
	}
	if r := applyPod.run(0); !strings.Contains(r.stdout, "Apply complete: 2 created") {
		t.Fatal(r.text())
	}
	t.Cleanup(func() {
		if r := applyPod.start("destroy", "/rollout", "--auto-approve", "--progress=plain"); r.code != 0 {
			t.Errorf("cleaning up: %s", r.text())
		}
	})
	if r := applyPod.run(0); !strings.Contains(r.stdout, "No changes.") {
		t.Error(r.text())
	}
	if r := driftPod.run(0); !strings.Contains(r.stdout, "No drift.") {
		t.Error(r.text())
	}
	hook.last(t, 0)

	// Somebody changes something by hand: it is found, told once, and resolved when it has been repaired.
	scale(t, 5)
	if r := driftPod.run(2); !strings.Contains(r.stdout, "replicas = 2 -> 5") || !strings.Contains(r.stdout, "Drift: 1 object changed outside meshplan.") {
		t.Error(r.text())
	}
	if m := hook.last(t, 1); m.Event != "new" || len(m.Items) != 1 || m.Items[0] != (alarm.Item{Address: "kubernetes_manifest.web", Path: "manifest.spec.replicas", Kind: alarm.Changed}) {
		t.Errorf("%+v", m)
	}
	driftPod.run(2)
	hook.last(t, 1)
	if r := applyPod.run(0); !strings.Contains(r.stdout, "Apply complete: 0 created, 1 updated") {
		t.Error(r.text())
	}
	driftPod.run(0)
	if m := hook.last(t, 2); m.Event != "resolved" || len(m.Resolved) != 1 {
		t.Errorf("%+v", m)
	}

	for _, r := range rightsOf(t, "meshplan-drift") {
		t.Run("without "+r.String(), func(t *testing.T) { r.without(t, driftPod) })
	}
	driftPod.run(0)

	// The drift job can write nothing but its memory.
	if r := driftPod.start("apply", "/rollout", "--auto-approve", "--progress=plain"); r.code == 0 || !strings.Contains(r.stderr, "forbidden") {
		t.Errorf("the drift job applies: %s", r.text())
	}

	// At three in the morning: the API server is gone, the token is refused. Neither is "no drift".
	gone := *driftPod
	gone.env = append(slices.Clone(driftPod.env), "KUBERNETES_SERVICE_PORT=1")
	for name, p := range map[string]*pod{"no API server": &gone, "no valid token": driftPod.withToken("invalid")} {
		t.Run(name, func(t *testing.T) {
			r := p.start(append(slices.Clone(p.args), "--metrics-textfile=/tmp/m.prom")...)
			if b, err := os.ReadFile(filepath.Join(p.root, "tmp", "m.prom")); r.code != 1 || strings.Contains(r.stdout, "No drift") || err != nil || !bytes.Contains(b, []byte("meshplan_run_errors 1\n")) {
				t.Errorf("metrics: %v\n%s\n%s", err, b, r.text())
			}
		})
	}
	checkJobs(t)
}

// scale changes the number of pods by hand.
func scale(t *testing.T, n int) {
	t.Helper()
	patch := []byte(fmt.Sprintf(`{"spec":{"replicas":%d}}`, n))
	if _, err := testenv.Dynamic(t).Resource(deployments).Namespace("shop").Patch(t.Context(), "web", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
}

// object reads an object.
func object(t *testing.T, r schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	u, err := testenv.Dynamic(t).Resource(r).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// fromFile creates the object of a file.
func fromFile(t *testing.T, r schema.GroupVersionResource, file string) *unstructured.Unstructured {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(b, &u.Object); err != nil {
		t.Fatal(err)
	}
	u, err = testenv.Dynamic(t).Resource(r).Namespace(u.GetNamespace()).Create(t.Context(), u, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return u
}

// checkJobs checks what the jobs promise beside their commands: they never start twice, run without rights on their
// node, and end. The rights of the jobs are those that meshplan prints for their configuration.
func checkJobs(t *testing.T) {
	t.Helper()
	cron := object(t, cronJobs, "meshplan", "meshplan-drift")
	for _, want := range []struct {
		of    map[string]any
		value any
		path  []string
	}{
		{cron.Object, "Forbid", []string{"spec", "concurrencyPolicy"}},
		{cron.Object, int64(600), []string{"spec", "startingDeadlineSeconds"}},
	} {
		if got, _, _ := unstructured.NestedFieldNoCopy(want.of, want.path...); got != want.value {
			t.Errorf("%v is %v, want %v", want.path, got, want.value)
		}
	}
	job, _, _ := unstructured.NestedMap(cron.Object, "spec", "jobTemplate")
	b, err := os.ReadFile("in-cluster/apply-job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var apply map[string]any
	if err := yaml.Unmarshal(b, &apply); err != nil {
		t.Fatal(err)
	}
	for name, spec := range map[string]map[string]any{"drift": job, "apply": apply} {
		for path, want := range map[string]string{
			"backoffLimit": "0", "template.spec.restartPolicy": "Never", "template.spec.securityContext.runAsNonRoot": "true", "template.spec.securityContext.seccompProfile.type": "RuntimeDefault",
			"template.spec.containers.0.securityContext.readOnlyRootFilesystem": "true", "template.spec.containers.0.securityContext.allowPrivilegeEscalation": "false",
			"template.spec.containers.0.securityContext.capabilities.drop.0": "ALL", "template.spec.serviceAccountName": "meshplan-" + name,
		} {
			if got := fmt.Sprint(field(spec["spec"], strings.Split(path, ".")...)); got != want {
				t.Errorf("%s: %s is %s, want %s", name, path, got, want)
			}
		}
		if deadline := fmt.Sprint(field(spec["spec"], "activeDeadlineSeconds")); deadline == "<nil>" {
			t.Errorf("%s never ends", name)
		}
	}
	for _, purpose := range []string{"drift", "apply"} {
		w := &workspace{t: t, dir: "in-cluster", env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "KUBECONFIG=" + testenv.Kubeconfig(t)}}
		r := w.must(0, "rbac", "--for="+purpose, "--no-state", "--service-account", "meshplan/meshplan-"+purpose, "rollout")
		file := "in-cluster/manifests/" + purpose + "-rights.yaml"
		if golden.Update() {
			if err := os.WriteFile(file, []byte(r.stdout), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != r.stdout {
			t.Errorf("%s is not what meshplan rbac prints: run MESHPLAN_UPDATE=1 go test ./examples -run TestInCluster", file)
		}
	}
	fromFile(t, netpols, "in-cluster/network-policy.yaml")
}

// field follows names and positions into a value.
func field(v any, path ...string) any {
	for _, p := range path {
		switch in := v.(type) {
		case map[string]any:
			v = in[p]
		case []any:
			n, err := strconv.Atoi(p)
			if err != nil || n >= len(in) {
				return nil
			}
			v = in[n]
		default:
			return nil
		}
	}
	return v
}
