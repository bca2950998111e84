package mesh_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

const jobsYAML = `
apiVersion: batch/v1
kind: CronJob
metadata: {name: backup, namespace: NS}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: backup, image: "backup:1"}]}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: old, namespace: NS}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate: {spec: {template: {metadata: {annotations: {config.linkerd.io/proxy-enable-native-sidecar: "false"}}, spec: {restartPolicy: Never, containers: [{name: old, image: "old:1"}]}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: plain, namespace: NS}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate: {spec: {template: {metadata: {annotations: {linkerd.io/inject: disabled, config.linkerd.io/proxy-enable-native-sidecar: "false"}}, spec: {restartPolicy: Never, containers: [{name: plain, image: "plain:1"}]}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: import, namespace: NS}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: import, image: "import:1"}]}}}
`

// TestCronJobsByName: a CronJob that is named gets the annotations on the template of its Jobs and loses them again, and nothing
// restarts. So does a workload without pods.
func TestCronJobsByName(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, jobsYAML)
	meshtest.Apply(t, r.env, r.ns, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: asleep, namespace: NS}\nspec: {replicas: 0, selector: {matchLabels: {app: asleep}}, template: {metadata: {labels: {app: asleep}}, spec: {containers: [{name: a, image: \"a:1\"}]}}}\n")
	template := func(kind, name string, path ...string) map[string]string {
		t.Helper()
		ref := kube.Ref{Group: "batch", Version: "v1", Kind: kind, Namespace: r.ns, Name: name}
		if kind == "Deployment" {
			ref.Group = "apps"
		}
		u, err := r.env.Cluster().Get(t.Context(), ref)
		if err != nil || u == nil {
			t.Fatal(u, err)
		}
		m, _, _ := unstructured.NestedStringMap(u.Object, append(path, "metadata", "annotations")...)
		return m
	}
	cron := func(name string) map[string]string {
		return template("CronJob", name, "spec", "jobTemplate", "spec", "template")
	}
	asleep := func() map[string]string { return template("Deployment", "asleep", "spec", "template") }
	all := r.config(`workloads = ["cronjob/backup", "cronjob/old", "deployment/asleep"]`)
	plan, ds := r.Apply(t.Context(), all)
	meshtest.Fail(t, ds)
	notes := strings.Join(plan.Notes, "\n")
	if !strings.Contains(notes, "pods of cronjob/backup, cronjob/old get a proxy at their next run") || strings.Contains(notes, "restarts cronjob") || plan.Restarts != 0 {
		t.Errorf("%d restarts, notes:\n%s", plan.Restarts, notes)
	}
	if got := cron("backup")[mesh.InjectAnnotation]; got != "enabled" || cron("old")[mesh.InjectAnnotation] != "enabled" || asleep()[mesh.InjectAnnotation] != "enabled" {
		t.Errorf("annotations: %v, %v, %v", cron("backup"), cron("old"), asleep())
	}
	if cron("plain")[mesh.InjectAnnotation] != "disabled" {
		t.Error("a CronJob that is not named was touched")
	}
	if got := r.Value.GetAttr("meshed").AsString(); got != "3/3" {
		t.Errorf("meshed = %q", got)
	}
	r.Read()
	r.WantEmpty(all)

	_, ds = r.Apply(t.Context(), r.config(`workloads = ["cronjob/backup"]`))
	meshtest.Fail(t, ds)
	if cron("old")[mesh.InjectAnnotation] != "" || asleep()[mesh.InjectAnnotation] != "" {
		t.Errorf("what is not named any more keeps its annotations: %v, %v", cron("old"), asleep())
	}
	if _, ds := r.Destroy(t.Context()); ds.HasErrors() {
		t.Fatal(ds)
	}
	if got := cron("backup"); len(got) > 0 {
		t.Errorf("after the destruction: %v", got)
	}
	if _, ds := r.Plan(r.config(`workloads = ["cronjob/bakcup"]`)); !strings.Contains(ds.Error(), "Did you mean") {
		t.Errorf("a CronJob that is not there: %v", ds)
	}
}

// TestJobsOfTheNamespace: a plan says what becomes of Jobs, which are never restarted, and warns of those that a proxy would keep
// from completing.
func TestJobsOfTheNamespace(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, jobsYAML)
	warnings := func(ds hcl.Diagnostics) (out []string) {
		for _, d := range ds {
			if diag.CodeOf(d) == mesh.CodeEndlessJob {
				out = append(out, d.Detail)
			}
		}
		return out
	}
	var notes string
	var ds hcl.Diagnostics
	meshtest.Eventually(t, "the running Job is named", func() bool {
		plan, found := r.Plan(r.config(""))
		notes, ds = strings.Join(plan.Notes, "\n"), found
		return strings.Contains(notes, "leaves the running pods of job/import as they are until they end")
	})
	for _, want := range []string{"pods of cronjob/backup, cronjob/old get a proxy at their next run", "leaves cronjob/plain alone: its template opts out"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the plan lacks %q:\n%s", want, notes)
		}
	}
	if got := warnings(ds); len(got) != 1 || !strings.Contains(got[0], "the proxies of cronjob/old would") {
		t.Errorf("warnings: %v", got)
	}
	_, ds = r.Plan(r.config(`config = { "proxy-enable-native-sidecar" = "false" }`))
	if got := warnings(ds); len(got) != 1 || !strings.Contains(got[0], "cronjob/backup, cronjob/old, job/import would") {
		t.Errorf("warnings: %v", got)
	}
	if plan, ds := r.Plan(r.config(`workloads = ["deployment/web"]`)); len(warnings(ds)) > 0 || strings.Contains(strings.Join(plan.Notes, "\n"), "job/") {
		t.Errorf("the namespace is not annotated, yet the plan speaks of its Jobs: %v", plan.Notes)
	}
}
