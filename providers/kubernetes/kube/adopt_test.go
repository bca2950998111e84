package kube_test

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

var deploymentsOf = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

// applied makes the Deployment as a client does that notes what it applied.
func (r *rig) applied(text string) {
	r.t.Helper()
	u := r.object(text)
	note, err := json.Marshal(u.Object)
	if err != nil {
		r.t.Fatal(err)
	}
	u.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": string(note)})
	if _, err := testenv.Dynamic(r.t).Resource(deploymentsOf).Namespace(r.ns).Create(r.t.Context(), u, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"}); err != nil {
		r.t.Fatal(err)
	}
}

func TestAdoptionTakesTheFormerToolsPlace(t *testing.T) {
	r := newRig(t)
	r.applied(strings.Replace(deployment, "image: example.test/web:1", "image: example.test/web:1\n        env: [{name: OLD, value: x}]", 1))
	adopt := kube.SetOptions{OnExists: kube.OnExistsAdopt}
	labelled := r.objects(strings.Replace(deployment, "{name: web, namespace", "{labels: {team: shop}, name: web, namespace", 1))
	plan := r.plan(kube.Record{}, adopt, labelled...)
	if o := plan.Objects[0]; o.Action != kube.Adopt || strings.Join(o.Changes, " ") != `metadata.labels.team spec.template.spec.containers[name="web"].env[name="OLD"].name spec.template.spec.containers[name="web"].env[name="OLD"].value` {
		t.Errorf("plan: %s %q", r.actions(plan), o.Changes)
	}
	if !strings.Contains(notesOf(plan), "set by kubectl-client-side-apply and not part of this configuration") {
		t.Errorf("notes %v", plan.Notes)
	}
	rec := r.apply(kube.Record{}, plan, adopt, labelled...).Record
	live := r.live(web)
	for _, e := range live.GetManagedFields() {
		if strings.HasPrefix(e.Manager, "kubectl") {
			t.Errorf("%s still owns fields", e.Manager)
		}
	}
	if text := string(must2(t, live.Object)); strings.Contains(text, "OLD") || strings.Contains(text, "last-applied") {
		t.Errorf("left behind: %s", text)
	}
	r.settled(rec, adopt, labelled...)
	rec = r.make(r.read(rec, r.objects(deployment)...).Record, adopt, r.objects(deployment)...)
	if r.live(web).GetLabels()["team"] != "" {
		t.Error("a label that was removed stays")
	}
	r.settled(rec, adopt, r.objects(deployment)...)
}

func must2(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAdoptionOfWhatWasCreatedRemovesNoDefaults(t *testing.T) {
	r := newRig(t)
	if _, err := testenv.Dynamic(t).Resource(deploymentsOf).Namespace(r.ns).Create(t.Context(), r.object(deployment), metav1.CreateOptions{FieldManager: "kubectl-create"}); err != nil {
		t.Fatal(err)
	}
	adopt := kube.SetOptions{OnExists: kube.OnExistsAdopt}
	plan := r.plan(kube.Record{}, adopt, r.objects(deployment)...)
	if got := plan.Objects[0].Changes; len(got) > 0 {
		t.Errorf("changes %v", got)
	}
	rec := r.apply(kube.Record{}, plan, adopt, r.objects(deployment)...).Record
	must(t, r.WaitReady(t.Context(), []kube.Ref{rec.Objects[0].Ref}, kube.WaitOptions{Rollout: true}, nil))
	if got := r.live(web).GetAnnotations()["deployment.kubernetes.io/revision"]; got != "1" {
		t.Errorf("revision %q: pods were restarted", got)
	}
	r.settled(rec, adopt, r.objects(deployment)...)
}

func TestImportGivesWhatSomebodyWouldWrite(t *testing.T) {
	const service = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NS, labels: {app: web}}
spec:
  selector: {app: web}
  sessionAffinity: ClientIP
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tls, port: 443}]
`
	for _, manager := range []string{"kubectl-create", "apply"} {
		t.Run(manager, func(t *testing.T) {
			r := newRig(t)
			for _, text := range []string{strings.Replace(deployment, "      tolerations: []\n", "", 1), service} {
				want := r.object(text)
				resource := deploymentsOf
				if want.GetKind() == "Service" {
					resource = schema.GroupVersionResource{Version: "v1", Resource: "services"}
				}
				client := testenv.Dynamic(t).Resource(resource).Namespace(r.ns)
				var err error
				if manager == "apply" {
					_, err = client.Apply(t.Context(), "web", want, metav1.ApplyOptions{FieldManager: "kubectl"})
				} else {
					_, err = client.Create(t.Context(), want, metav1.CreateOptions{FieldManager: manager})
				}
				if err != nil {
					t.Fatal(err)
				}
				ref := kube.RefOf(want)
				if ref.Kind == "Deployment" { // controllers have been at it
					must(t, r.WaitReady(t.Context(), []kube.Ref{ref}, kube.WaitOptions{Rollout: true}, nil))
				}
				got, ds := r.AsWritten(t.Context(), r.live(ref))
				must(t, ds)
				// The server keeps quantities in its own spelling, and the target of a port defaults to the port.
				normal := func(v any) string {
					out, err := yaml.Marshal(v)
					if err != nil {
						t.Fatal(err)
					}
					return strings.NewReplacer("1000m", "\"1\"", "2048Mi", "2Gi").Replace(string(out))
				}
				if g, w := normal(got.Object), normal(want.Object); g != w {
					t.Errorf("%s by %s:\n%s\nwant\n%s", ref.Kind, manager, g, w)
				}
			}
		})
	}
}
