package kube_test

import (
	"strings"
	"testing"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// TestFullRefreshAsksAboutEveryObject finds a change that the metadata does not tell, and is empty otherwise.
func TestFullRefreshAsksAboutEveryObject(t *testing.T) {
	r := newRig(t)
	want := r.objects(configMap, deployment)
	rec := r.make(kube.Record{}, none, want...)
	must(t, r.WaitReady(t.Context(), []kube.Ref{r.ref(web)}, kube.WaitOptions{Rollout: true}, nil))
	proxy := faultproxy.New(t, testenv.Kubeconfig(t))
	full := *r
	full.Cluster = kube.NewPool(kube.Options{Kubeconfig: proxy.Kubeconfig, Verify: true}).Cluster(kube.Connection{})
	state := full.read(rec, want...)
	if p := full.plan(state.Record, none, want...); p.Changed() {
		t.Errorf("an unchanged world: %s", r.actions(p))
	}
	var whole, asked int
	for _, q := range proxy.Requests() {
		switch {
		case q.Method == "PATCH" && strings.Contains(q.URI, "dryRun=All"):
			asked++
		case q.Method != "GET":
			t.Errorf("a plan wrote: %s %s", q.Method, q.URI)
		case strings.Contains(q.URI, "/configmaps/a") || strings.Contains(q.URI, "/deployments/web"):
			whole++
		}
	}
	if asked != len(want) || whole < len(want) {
		t.Errorf("%d objects read and %d asked about, want all %d", whole, asked, len(want))
	}

	// Somebody changes a value, and the record says that it has seen that: what metadata cannot tell.
	r.patchAs("kubectl-edit", aRef, `{"data":{"color":"green"}}`)
	live := r.live(aRef)
	blind := kube.Record{Objects: append([]kube.ObjectRecord{}, rec.Objects...)}
	for i := range blind.Objects {
		if blind.Objects[i].Name == "a" {
			blind.Objects[i].ResourceVersion = live.GetResourceVersion()
		}
	}
	drifted := func(s kube.SetState) (out []string) {
		for _, o := range s.Objects {
			for _, d := range o.Drift {
				out = append(out, d.Path.String())
			}
		}
		return out
	}
	if got := drifted(r.again().read(blind, want...)); len(got) > 0 {
		t.Fatalf("the metadata tells: %v", got)
	}
	state = full.read(blind, want...)
	if got := drifted(state); len(got) != 1 || got[0] != "data.color" {
		t.Errorf("drift %v, want data.color", got)
	}
	if p := full.plan(state.Record, none, want...); !p.Changed() {
		t.Error("the plan does not undo it")
	}
}
