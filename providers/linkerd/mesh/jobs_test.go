package mesh_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
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
