package kubernetes_test

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

var configMaps = kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

func (l *lab) get(resource kschema.GroupVersionResource, name string) *unstructured.Unstructured {
	l.t.Helper()
	u, err := testenv.Dynamic(l.t).Resource(resource).Namespace(l.ns).Get(l.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	return u
}

// move gives a record another address, as a moved block does.
func (l *lab) move(from, to string, rec record) record {
	l.t.Helper()
	owner := l.owner(to)
	owner.Former = l.owner(from).Address
	for range 2 { // it is idempotent
		resp, ds := l.kind(to).(providers.Claimer).Claim(l.t.Context(), providers.ClaimRequest{Owner: owner, Value: rec.value, Private: rec.private})
		must(l.t, ds)
		rec.private = resp.Private
	}
	return rec
}

func TestAMoveRestartsNothing(t *testing.T) {
	l := newLab(t)
	l.apply(webAddress, record{}, l.config(webAddress, webBody))
	const from, to = "kubernetes_rollout_restart.before", "kubernetes_rollout_restart.after"
	body := func(v string) cty.Value {
		return l.config(to, `
namespace = "NS"
name      = "web"
triggers  = { config = "`+v+`" }`)
	}
	rec := l.apply(from, record{}, body("1"))
	before := l.get(deployments, "web").GetGeneration()

	l.settled(to, l.read(from, rec), body("1")) // the plan of the move
	rec = l.move(from, to, rec)
	l.settled(to, rec, body("1"))
	if got := l.get(deployments, "web").GetGeneration(); got != before {
		t.Errorf("generation %d, was %d", got, before)
	}

	template := []string{"spec", "template", "metadata", "annotations"}
	token, _, _ := unstructuredStrings(l.get(deployments, "web").Object, template...)
	rec = l.apply(to, rec, body("2"))
	l.settled(to, rec, body("2"))
	if now, _, _ := unstructuredStrings(l.get(deployments, "web").Object, template...); now[kube.AnnotationRestart] == token[kube.AnnotationRestart] {
		t.Error("a new trigger restarted nothing")
	}

	l.patch(deployments, l.ns, "web", `{"spec":{"template":{"metadata":{"annotations":{"`+kube.AnnotationRestart+`":"foreign"}}}}}`)
	prior := l.again().read(to, rec)
	if p, ds := l.plan(to, prior, body("2")); ds.HasErrors() || p.Planned.RawEquals(prior.value) {
		t.Errorf("a foreign token is not seen: %v", ds)
	}
}

func TestAMoveTakesTheFieldsAlong(t *testing.T) {
	const from, to = "kubernetes_metadata.before", "kubernetes_metadata.after"
	for name, claimed := range map[string]bool{"alone": true, "with a change": false} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.byHand(configMaps, l.ns, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "m", "namespace": l.ns}})
			body := func(annotations string) cty.Value {
				return l.config(to, `
api_version = "v1"
kind        = "ConfigMap"
namespace   = "NS"
name        = "m"
annotations = {`+annotations+`}`)
			}
			rec := l.apply(from, record{}, body(`"example.test/a" = "1", "example.test/b" = "1"`))
			if claimed {
				l.settled(to, l.read(from, rec), body(`"example.test/a" = "1", "example.test/b" = "1"`)) // the plan of the move
				rec = l.move(from, to, rec)
				l.settled(to, rec, body(`"example.test/a" = "1", "example.test/b" = "1"`))
			}
			changed := body(`"example.test/a" = "2"`)
			rec = l.apply(to, l.read(to, rec), changed)
			l.settled(to, rec, changed)
			live := l.get(configMaps, "m")
			if got := live.GetAnnotations(); got["example.test/a"] != "2" || got["example.test/b"] != "" {
				t.Errorf("annotations %v", got)
			}
			for _, e := range live.GetManagedFields() {
				if e.Manager == kube.InstanceManager(l.owner(from)) {
					t.Errorf("the former manager is still there: %s", e.FieldsV1)
				}
			}
			l.apply(to, rec, cty.NilVal)
			if got := l.get(configMaps, "m").GetAnnotations(); len(got) > 0 {
				t.Errorf("after removal: %v", got)
			}
		})
	}
}
