package kube_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// await waits for the readiness of one object.
func (r *rig) await(ref kube.Ref, timeout time.Duration) hcl.Diagnostics {
	r.t.Helper()
	return r.WaitReady(r.t.Context(), []kube.Ref{ref}, kube.WaitOptions{Rollout: true, Timeout: timeout}, nil)
}

// TestCase34BrokenAggregatedAPI is not parallel: while an API is broken, no namespace of the cluster can be deleted.
func TestCase34BrokenAggregatedAPI(t *testing.T) {
	r := &rig{connect(testenv.Kubeconfig(t)), t, ownerOf("lineage-of-"+t.Name(), "kubernetes_manifest.x"), testenv.Namespace(t)}
	services := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"})
	group := r.ns + ".example.test"
	broken := r.object(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.` + group + `}, spec: {group: ` + group + `, version: v1, groupPriorityMinimum: 100, versionPriority: 100, service: {namespace: NS, name: nobody}, insecureSkipTLSVerify: true}}`)
	if _, err := services.Create(t.Context(), broken, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	mend := func() { _ = services.Delete(context.Background(), "v1."+group, metav1.DeleteOptions{}) } // it may be gone already
	t.Cleanup(mend)
	var ds hcl.Diagnostics
	eventually(t, "the broken group never shows", func() bool {
		_, ds = r.again().PlanSet(t.Context(), kube.SetPlanRequest{Owner: r.owner, Desired: r.objects(deployment)})
		return len(ds) > 0
	})
	wantCode(t, only(t, ds), kube.CodeServerWarning, group)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	fresh := r.again()
	rec := fresh.make(kube.Record{}, none, r.objects(deployment)...)
	fresh.settled(rec, none, r.objects(deployment)...)
	wantCode(t, r.again().planError(kube.Record{}, none, r.objects(`{apiVersion: `+group+`/v1, kind: Thing, metadata: {name: a, namespace: NS}}`)...), kube.CodeUnknownKind, "cannot be read")

	name := testenv.Name(t)
	rec = fresh.make(kube.Record{}, none, r.objects(`{apiVersion: v1, kind: Namespace, metadata: {name: `+name+`}}`)...)
	_, ds = fresh.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec, Timeout: 12 * time.Second})
	wantCode(t, only(t, ds), kube.CodeStuckDeletion, "Discovery failed", group)
	mend()
}

func TestCase38WorkloadsThatCannotRestart(t *testing.T) {
	r := newRig(t)
	daemons := `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d, namespace: NS}, spec: {updateStrategy: {type: OnDelete}, selector: {matchLabels: {app: d}}, template: {metadata: {labels: {app: d}}, spec: {containers: [{name: d, image: "example.test/d:1"}]}}}}`
	paused := strings.Replace(deployment, "replicas: 2", "replicas: 2\n  paused: true", 1)
	none0 := strings.NewReplacer("replicas: 2", "replicas: 0", "name: web,", "name: none,").Replace(deployment)
	rec := r.make(kube.Record{}, none, r.objects(daemons, paused, none0)...)
	for _, o := range rec.Objects {
		ds := r.RestartWorkload(t.Context(), kube.Restart{Workload: o.Ref, Token: "t", Manager: "m", Timeout: 20 * time.Second, Drain: true}, nil)
		switch o.Name {
		case "d":
			wantCode(t, only(t, ds), kube.CodeRestart, "OnDelete")
		case "web":
			wantCode(t, only(t, ds), kube.CodeRestart, "paused")
		default:
			must(t, ds)
		}
	}
}

// holdPod sets the finalizers of a pod, so that it stays, or goes.
func holdPod(t *testing.T, namespace, name, finalizers string) {
	client := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(namespace)
	if _, err := client.Patch(context.Background(), name, types.MergePatchType, []byte(`{"metadata":{"finalizers":`+finalizers+`}}`), metav1.PatchOptions{}); err != nil {
		t.Error(err)
	}
}

func TestCase39OldPodsThatStillGoAway(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	must(t, r.await(rec.Objects[0].Ref, time.Minute))
	pods, err := r.Pods(t.Context(), rec.Objects[0].Ref)
	if err != nil || len(pods) != 2 {
		t.Fatal(len(pods), err)
	}
	hold := func(finalizers string) { holdPod(t, r.ns, pods[0].GetName(), finalizers) }
	hold(`["example.test/hold"]`)
	restart := kube.Restart{Workload: rec.Objects[0].Ref, Token: "t", Manager: "m", Timeout: 8 * time.Second}
	must(t, r.RestartWorkload(t.Context(), restart, nil)) // a plain rollout does not wait for it
	restart.Drain = true
	wantCode(t, only(t, r.RestartWorkload(t.Context(), restart, nil)), kube.CodeNotReady, "1 old ones left")
	time.AfterFunc(time.Second, func() { hold("null") })
	restart.Timeout = time.Minute
	must(t, r.RestartWorkload(t.Context(), restart, nil))
}

func TestCase41DeadlineOfARolloutFailsAtOnce(t *testing.T) {
	r := newRig(t)
	stuck := strings.Replace(strings.Replace(deployment, "spec:\n      tolerations", "spec:\n      nodeSelector: {nowhere: \"yes\"}\n      tolerations", 1), "  replicas: 2", "  replicas: 2\n  progressDeadlineSeconds: 1", 1)
	rec := r.make(kube.Record{}, none, r.objects(stuck)...)
	start := time.Now()
	wantCode(t, only(t, r.await(rec.Objects[0].Ref, 5*time.Minute)), kube.CodeFailed, "timed out progressing")
	if took := time.Since(start); took > 25*time.Second {
		t.Errorf("it took %s", took)
	}
}

// statusCRD is a kind with a status of any shape.
const statusCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rollouts.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {kind: Rollout, plural: rollouts, singular: rollout}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}, status: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
`

func TestCase42And43ObservedGeneration(t *testing.T) {
	r := newRig(t)
	group := r.ns + ".example.test"
	in := func(text string) string { return strings.ReplaceAll(text, "GROUP", group) }
	definition := r.make(kube.Record{}, none, r.objects(in(statusCRD))...)
	fresh := r.again()
	rollout := in(`{apiVersion: GROUP/v1, kind: Rollout, metadata: {name: r, namespace: NS}, spec: {size: 1}}`)
	rec := fresh.make(kube.Record{}, none, r.objects(rollout)...)
	ref := rec.Objects[0].Ref
	status := func(text string) {
		t.Helper()
		if _, err := fresh.Patch(t.Context(), ref, types.MergePatchType, []byte(`{"status":`+text+`}`), metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
	}
	ready := kube.WaitOptions{Rollout: true, Conditions: []kube.WaitCondition{{Type: "Ready"}}, Timeout: 3 * time.Second}
	status(`{"observedGeneration":"1","conditions":[{"type":"Ready","status":"True"}]}`)
	must(t, fresh.WaitReady(t.Context(), []kube.Ref{ref}, ready, nil)) // a text is not compared

	rec = fresh.make(rec, none, r.objects(strings.Replace(rollout, "size: 1", "size: 2", 1))...)
	status(`{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True"}]}`)
	wantCode(t, only(t, fresh.WaitReady(t.Context(), []kube.Ref{ref}, ready, nil)), kube.CodeNotReady, "not seen the change")
	status(`{"observedGeneration":null,"conditions":[{"type":"Ready","status":"True","observedGeneration":1}]}`)
	wantCode(t, only(t, fresh.WaitReady(t.Context(), []kube.Ref{ref}, kube.WaitOptions{Conditions: ready.Conditions, Timeout: 3 * time.Second}, nil)), kube.CodeNotReady, "former generation")
	time.AfterFunc(500*time.Millisecond, func() { status(`{"conditions":[{"type":"Ready","status":"True","observedGeneration":2}]}`) })
	ready.Timeout = 30 * time.Second
	must(t, fresh.WaitReady(t.Context(), []kube.Ref{ref}, ready, nil))
	_, ds := fresh.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: kube.Record{Objects: append(rec.Objects, definition.Objects...)}})
	must(t, ds)
}

func TestCase44ServicesWithoutAnAddress(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(
		`{apiVersion: v1, kind: Service, metadata: {name: lb, namespace: NS}, spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}}`,
		`{apiVersion: v1, kind: Service, metadata: {name: ext, namespace: NS}, spec: {type: ExternalName, externalName: example.test}}`,
		`{apiVersion: v1, kind: Service, metadata: {name: plain, namespace: NS}, spec: {selector: {app: web}, ports: [{port: 80}]}}`)...)
	for _, o := range rec.Objects {
		if o.Name != "lb" {
			must(t, r.await(o.Ref, 5*time.Second))
			continue
		}
		wantCode(t, only(t, r.await(o.Ref, 2*time.Second)), kube.CodeNotReady, "no address yet")
		time.AfterFunc(300*time.Millisecond, func() {
			if _, err := r.Patch(context.Background(), o.Ref, types.MergePatchType, []byte(`{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}}`), metav1.PatchOptions{}, "status"); err != nil {
				t.Error(err)
			}
		})
		must(t, r.await(o.Ref, 30*time.Second))
	}
}

func TestCase45ClaimThatWaitsForItsFirstConsumer(t *testing.T) {
	r := newRig(t)
	late := testenv.Name(t)
	rec := r.make(kube.Record{}, none, r.objects(
		`{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: `+late+`}, provisioner: example.test/none, volumeBindingMode: WaitForFirstConsumer}`,
		`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, namespace: NS}, spec: {accessModes: [ReadWriteOnce], storageClassName: `+late+`, resources: {requests: {storage: 1Gi}}}}`)...)
	claim := kube.Ref{Version: "v1", Kind: "PersistentVolumeClaim", Namespace: r.ns, Name: "c"}
	must(t, r.await(claim, 10*time.Second))
	if phase := r.field(claim, "status.phase"); phase != "Pending" {
		t.Errorf("phase %v", phase)
	}
	class := kube.Record{}
	for _, o := range rec.Objects {
		if o.Kind == "StorageClass" {
			class.Objects = append(class.Objects, o)
		}
	}
	_, ds := r.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: class})
	must(t, ds)
}

func TestCase25CreationWaitsForTheFormerObject(t *testing.T) {
	r := newRig(t)
	held := `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS, finalizers: [example.test/hold]}}`
	r.make(kube.Record{}, none, r.objects(held)...)
	maps := testenv.Dynamic(t).Resource(configMaps).Namespace(r.ns)
	if err := maps.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	fresh := r.again()
	plan := fresh.plan(kube.Record{}, none, r.objects(configMap)...)
	if !strings.Contains(notesOf(plan), "example.test/hold") {
		t.Errorf("notes %v", plan.Notes)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	said := &steps{}
	if _, ds := fresh.ApplySet(short, kube.SetApplyRequest{Owner: r.owner, Planned: plan.Private, Desired: r.objects(configMap), Step: said}); !ds.HasErrors() {
		t.Fatal("it was made in spite of the former one")
	}
	if text := said.String(); !strings.Contains(text, "waiting for") || !strings.Contains(text, "example.test/hold") {
		t.Errorf("said %q", text)
	}
	time.AfterFunc(500*time.Millisecond, func() { r.patchAs("controller", aRef, `{"metadata":{"finalizers":null}}`) })
	fresh.apply(kube.Record{}, plan, none, r.objects(configMap)...)
	if got := r.field(aRef, "data.color"); got != "red" {
		t.Errorf("color %v", got)
	}
}
