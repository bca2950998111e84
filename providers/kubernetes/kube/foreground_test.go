package kube_test

import (
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// awaited is a step that others come after.
type awaited struct{ steps }

func (*awaited) Awaited() bool { return true }

// TestPodsGoBeforeWhatTheyNeed holds a pod of a Deployment back: the deletion ends without it only when nothing comes
// after it.
func TestPodsGoBeforeWhatTheyNeed(t *testing.T) {
	const account = `{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}}`
	for name, c := range map[string]struct {
		objects []string
		awaited bool
		waits   bool
	}{
		"alone":                  {objects: []string{deployment}},
		"something else follows": {objects: []string{deployment}, awaited: true, waits: true},
		"with its account":       {objects: []string{deployment, account}, waits: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			rec := r.make(kube.Record{}, none, r.objects(c.objects...)...)
			var web kube.Ref
			for _, o := range rec.Objects {
				if o.Kind == "Deployment" {
					web = o.Ref
				}
			}
			must(t, r.await(web, time.Minute))
			pods, err := r.Pods(t.Context(), web)
			if err != nil || len(pods) != 2 {
				t.Fatal(len(pods), err)
			}
			hold := func(finalizers string) { holdPod(t, r.ns, pods[0].GetName(), finalizers) }
			hold(`["example.test/hold"]`)
			step := &awaited{}
			req := kube.SetDeleteRequest{Owner: r.owner, Record: rec, Timeout: 3 * time.Second}
			if c.awaited {
				req.Step = step
			}
			left, ds := r.DeleteSet(t.Context(), req)
			if !c.waits {
				must(t, ds)
				hold("null")
				return
			}
			wantCode(t, only(t, ds), kube.CodeStuckDeletion, "its pods are still there", "kubectl get pods")
			if strings.Contains(ds.Error(), "kubectl patch") {
				t.Errorf("whoever follows this loses the order: %s", ds)
			}
			if len(left.Objects) != len(rec.Objects) {
				t.Errorf("what the pods need is gone: %v", left.Objects)
			}
			if c.awaited && !strings.Contains(step.String(), "its pods are still there") {
				t.Errorf("progress: %s", step.String())
			}
			time.AfterFunc(time.Second, func() { hold("null") })
			req.Record, req.Timeout = left, time.Minute
			left, ds = r.DeleteSet(t.Context(), req)
			must(t, ds)
			if len(left.Objects) > 0 {
				t.Errorf("left: %v", left.Objects)
			}
		})
	}
}
