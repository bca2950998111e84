package chart

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

const migration = "apiVersion: batch/v1\nkind: Job\nmetadata: { name: migrate, annotations: { helm.sh/hook: \"post-install, post-upgrade\", helm.sh/hook-weight: \"5\" } }\n" +
	"spec: { template: { spec: { restartPolicy: Never, containers: [{ name: m, image: \"example.test/m:{{ .Values.tag }}\" }] } } }\n"

func TestHooksAreRunOnDemand(t *testing.T) {
	ns := testenv.Namespace(t)
	dir := t.TempDir()
	writeChart(t, dir, "app", map[string]string{"templates/c.yaml": configMap + "  color: red\n", "templates/hook.yaml": migration})
	in := newInstance(t, dir)
	config := func(tag, more string) cty.Value {
		return in.config("name = \"app\"\npath = \"app\"\nnamespace = namespace\nvalues = { tag = \""+tag+"\" }\nwait {\n  rollout = false\n}\n"+more, map[string]cty.Value{"namespace": cty.StringVal(ns)})
	}
	uid := func() string {
		job, err := testenv.Dynamic(t).Resource(runtimeschema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}).Namespace(ns).Get(t.Context(), "migrate", metav1.GetOptions{})
		if err != nil {
			return ""
		}
		if len(job.GetAnnotations()) != 1 {
			t.Errorf("annotations %v", job.GetAnnotations())
		}
		return string(job.GetUID())
	}
	plain := config("1", "")
	if plan := in.apply(plain, plain); !strings.Contains(strings.Join(plan.Notes, "\n"), "is not run") || uid() != "" {
		t.Errorf("a hook was run that nobody asked for: %q", plan.Notes)
	}
	run := "run_hooks = [\"Job/" + ns + "/migrate\"]\n"
	if plan := in.apply(config("1", run), config("1", run)); strings.Contains(strings.Join(plan.Notes, "\n"), "is not run") {
		t.Errorf("notes %q", plan.Notes)
	}
	first := uid()
	if first == "" {
		t.Fatal("the hook was not run")
	}
	in.read()
	in.wantEmpty(config("1", run))
	in.apply(config("2", run), config("2", run))
	if second := uid(); second == first || second == "" {
		t.Errorf("the hook was not run again: %q, then %q", first, second)
	}
	noErrors(t, in.destroy())
}

func TestHooksThatDiffer(t *testing.T) {
	c := load(t, map[string]string{"templates/hook.yaml": strings.ReplaceAll(migration, "{{ .Values.tag }}", "{{ randAlpha 8 }}")})
	_, ds := c.Render(t.Context(), RenderOptions{})
	noErrors(t, ds)
	_, ds = c.Render(t.Context(), RenderOptions{RunHooks: []string{"Job", "Jop"}})
	wantDiagnostics(t, ds, "does not render the same twice", `no hook "Jop"`)
}
