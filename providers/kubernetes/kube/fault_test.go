package kube_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// TestEverythingConvergesInTrouble takes objects through their life while one thing after another goes wrong on the way
// to the server, and then looks from outside.
func TestEverythingConvergesInTrouble(t *testing.T) {
	second := time.Second
	for name, rules := range map[string][]faultproxy.Rule{
		"resets":        {{Match: faultproxy.Any, Every: 4, Fault: faultproxy.Reset()}},
		"lost answers":  {{Match: faultproxy.Writes, Every: 2, Fault: faultproxy.LoseAnswer()}},
		"broken reads":  {{Match: faultproxy.Reads, Every: 3, Fault: faultproxy.Truncate(200)}},
		"too many":      {{Match: faultproxy.Any, Every: 7, Times: 20, Fault: faultproxy.Refuse(http.StatusTooManyRequests, "slow down", second)}},
		"no leader":     {{Match: faultproxy.Writes, Every: 3, Fault: faultproxy.Refuse(http.StatusInternalServerError, "etcdserver: leader changed", 0)}},
		"gateway":       {{Match: faultproxy.Any, Every: 5, Fault: faultproxy.Refuse(http.StatusBadGateway, "bad gateway", 0)}},
		"unavailable":   {{Match: faultproxy.Any, Every: 6, Times: 15, Fault: faultproxy.Refuse(http.StatusServiceUnavailable, "restarting", second)}},
		"slow":          {{Match: faultproxy.Any, Every: 3, Fault: faultproxy.Delay(200 * time.Millisecond)}},
		"cut watches":   {{Match: faultproxy.Watches, Fault: faultproxy.Cut(50 * time.Millisecond)}},
		"no watches":    {{Match: faultproxy.Watches, Fault: faultproxy.Refuse(http.StatusForbidden, "watching is forbidden", 0)}},
		"old watches":   {{Match: faultproxy.Watches, Every: 2, Fault: faultproxy.Refuse(http.StatusGone, "too old resource version", 0)}},
		"all at a time": {{Match: faultproxy.Watches, Fault: faultproxy.Cut(100 * time.Millisecond)}, {Match: faultproxy.Writes, Every: 3, Fault: faultproxy.LoseAnswer()}, {Every: 5, Fault: faultproxy.Reset()}, {Every: 9, Times: 10, Fault: faultproxy.Refuse(http.StatusTooManyRequests, "slow down", second)}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p, proxy := r.behind(rules...)
			want := append(r.many(12), r.objects(deployment)...)
			wait := &kube.WaitOptions{Rollout: true, Timeout: 2 * time.Minute}
			apply := func(rec kube.Record, want []kube.Desired) kube.Record {
				t.Helper()
				out, ds := p.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Prior: rec, Desired: want, Wait: wait})
				must(t, ds)
				return out.Record
			}
			rec := apply(kube.Record{}, want)
			r.settled(rec, none, want...)
			want[len(want)-1] = r.objects(strings.Replace(deployment, "web:1", "web:2", 1))[0]
			state := p.read(rec, want...)
			rec = apply(state.Record, want)
			r.settled(rec, none, want...)
			if n := r.live(web).GetAnnotations()["deployment.kubernetes.io/revision"]; n != "2" {
				t.Errorf("revision %s: the update was made more or less than once", n)
			}
			proxy.Requests() // those of the waits above do not count
			r.waitSeen(p, func() bool {
				return slices.ContainsFunc(proxy.Requests(), func(q faultproxy.Request) bool {
					return strings.Contains(q.URI, "/configmaps") && strings.Contains(q.URI, "watch=true")
				})
			})
			left, ds := p.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
			must(t, ds)
			if len(left.Objects) > 0 || r.live(aRef) != nil || r.live(web) != nil {
				t.Errorf("left: %v", left)
			}
			for i, hits := range proxy.Hits() {
				if hits == 0 {
					t.Errorf("rule %d never hit", i)
				}
			}
		})
	}
}

// waitSeen waits through another rig for a field that is set from outside, not before the wait has been seen: so it must
// watch, or find another way, however fast or slow the cluster is.
func (r *rig) waitSeen(p *rig, seen func() bool) {
	r.t.Helper()
	ref := kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: r.ns, Name: "c0"}
	done := make(chan hcl.Diagnostics, 1)
	go func() {
		done <- p.WaitReady(r.t.Context(), []kube.Ref{ref}, kube.WaitOptions{Fields: []kube.WaitField{{Path: "data.done", Value: "yes"}}, Timeout: 2 * time.Minute}, nil)
	}()
	eventually(r.t, "nobody watches", seen)
	r.patchAs("somebody", ref, `{"data":{"done":"yes"}}`)
	must(r.t, <-done)
}

func TestManyWaitsShareAWatch(t *testing.T) {
	r := newRig(t)
	p, proxy := r.behind()
	var refs []kube.Ref
	for _, name := range []string{"one", "two", "three", "four", "five", "six"} {
		o := r.objects("{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + ", namespace: NS}}")
		r.make(kube.Record{}, none, o...)
		refs = append(refs, kube.RefOf(o[0].Object))
	}
	watches := func() (n int) {
		for _, request := range proxy.Requests() {
			if strings.Contains(request.URI, "watch=true") {
				n++
			}
		}
		return n
	}
	done, seen := make(chan hcl.Diagnostics), 0
	go func() {
		done <- p.WaitReady(t.Context(), refs, kube.WaitOptions{Fields: []kube.WaitField{{Path: "data.done", Value: "yes"}}, Timeout: time.Minute}, nil)
	}()
	eventually(t, "nobody watches", func() bool { seen += watches(); return seen > 0 })
	for _, ref := range refs {
		r.patchAs("somebody", ref, `{"data":{"done":"yes"}}`)
	}
	must(t, <-done)
	if seen += watches(); seen > 3 {
		t.Errorf("%d watches for %d objects of one kind and namespace", seen, len(refs))
	}
}
