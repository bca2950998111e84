package mesh

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
)

// maxPreviews bounds the trials of one plan: each is a request, and many workloads get the same proxy.
const maxPreviews = 20

// admitter tries what a pod would become, without making it.
type admitter interface {
	CreateDryRun(ctx context.Context, u *unstructured.Unstructured) (*unstructured.Unstructured, error)
}

// preview says what proxies the restarts would bring: each workload's pod is created for trial, so that the injector shows
// what it would do with everything that configures it. Nothing is stored. Without a control plane there is nobody to ask.
func (s *scene) preview(ctx context.Context, c admitter) (notes []string) {
	if !s.installed {
		return nil
	}
	tried := 0
	for i := range s.states {
		st := &s.states[i]
		if st.Restart == "" || st.Replicas == 0 {
			continue
		}
		if tried++; tried > maxPreviews {
			return append(notes, fmt.Sprintf("the proxies of the other workloads are not tried (more than %d)", maxPreviews))
		}
		probe, err := probePod(st.Workload, s.spec.annotations)
		if err != nil {
			continue
		}
		answer, err := c.CreateDryRun(ctx, probe)
		if apierrors.IsForbidden(err) && !overQuota(err) && !strings.Contains(err.Error(), "PodSecurity") {
			return append(notes, "which proxies the restarts bring is not shown: the credentials may not create pods for trial")
		}
		if err != nil {
			notes = append(notes, fmt.Sprintf("restart of %s would fail: %s", st.Name, diag.Scrub(err.Error())))
			continue
		}
		pod, err := convert[corev1.Pod](answer)
		if err != nil {
			continue
		}
		notes = append(notes, describeProxy(st.Workload, pod))
	}
	return notes
}

// describeProxy compares the proxy of a trial with that of the newest pod.
func describeProxy(w *Workload, trial *corev1.Pod) string {
	next, _ := proxyOf(trial)
	if next == nil {
		return fmt.Sprintf("restart of %s brings no proxy as things stand: the injector does not answer, or leaves the pod out", w.Name)
	}
	var now *corev1.Container
	for _, p := range w.Pods() {
		if now, _ = proxyOf(p); now != nil {
			break
		}
	}
	if now == nil {
		return fmt.Sprintf("restart of %s brings proxy %s", w.Name, strings.Join(proxyFacts(next), ", "))
	}
	changes := proxyChanges(now, next)
	if len(changes) == 0 {
		return fmt.Sprintf("restart of %s brings the proxy that it has", w.Name)
	}
	return fmt.Sprintf("restart of %s will change its proxy: %s", w.Name, strings.Join(changes, ", "))
}

// resourceNames are the resources that people set for proxies.
var resourceNames = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory}

func proxyFacts(c *corev1.Container) []string {
	version, _ := imageTag(c.Image)
	out := []string{diag.Scrub(version)}
	for _, r := range resourceNames {
		if q, ok := c.Resources.Requests[r]; ok {
			out = append(out, fmt.Sprintf("%s request %s", r, q.String()))
		}
	}
	if bundle, ok := envOf(c, anchorsEnv); ok {
		out = append(out, fmt.Sprintf("%d trust anchor(s)", len(Anchors(bundle))))
	}
	return out
}

func proxyChanges(now, next *corev1.Container) (out []string) {
	was, _ := imageTag(now.Image)
	is, _ := imageTag(next.Image)
	if was != is {
		out = append(out, fmt.Sprintf("%s → %s", diag.Scrub(was), diag.Scrub(is)))
	}
	for _, r := range resourceNames {
		for _, k := range []struct {
			name     string
			was, now corev1.ResourceList
		}{{"request", now.Resources.Requests, next.Resources.Requests}, {"limit", now.Resources.Limits, next.Resources.Limits}} {
			a, b := quantityText(k.was, r), quantityText(k.now, r)
			if a != b {
				out = append(out, fmt.Sprintf("%s %s %s → %s", r, k.name, a, b))
			}
		}
	}
	added, gone := anchorChanges(now, next)
	if added > 0 {
		out = append(out, fmt.Sprintf("anchors +%d", added))
	}
	if gone > 0 {
		out = append(out, fmt.Sprintf("anchors -%d", gone))
	}
	for _, name := range []string{"LINKERD2_PROXY_INBOUND_DEFAULT_POLICY", "LINKERD2_PROXY_LOG"} {
		a, hadIt := envOf(now, name)
		b, hasIt := envOf(next, name)
		if hadIt && hasIt && a != b {
			label := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "LINKERD2_PROXY_"), "_", " "))
			out = append(out, fmt.Sprintf("%s %s → %s", label, diag.Scrub(a), diag.Scrub(b)))
		}
	}
	return out
}

func quantityText(list corev1.ResourceList, r corev1.ResourceName) string {
	if q, ok := list[r]; ok {
		return q.String()
	}
	return "none"
}

func anchorChanges(now, next *corev1.Container) (added, gone int) {
	a, knownA := envOf(now, anchorsEnv)
	b, knownB := envOf(next, anchorsEnv)
	if !knownA || !knownB {
		return 0, 0
	}
	missing := func(from, in map[[sha256.Size]byte]bool) (n int) {
		for digest := range from {
			if !in[digest] {
				n++
			}
		}
		return n
	}
	was, is := Anchors(a), Anchors(b)
	return missing(is, was), missing(was, is)
}
