package mesh

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// injector answers trials with a fixed pod or error.
type injector struct {
	pod *corev1.Pod
	err error
	n   int
}

func (i *injector) CreateDryRun(context.Context, *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	i.n++
	if i.err != nil {
		return nil, i.err
	}
	o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(i.pod)
	return &unstructured.Unstructured{Object: o}, err
}

func TestPreviewOfRestarts(t *testing.T) {
	next := meshedPod()
	proxy := &next.Spec.InitContainers[1]
	proxy.Image = "registry:5000/linkerd/proxy:edge-26.9.1"
	proxy.Env[0].Value = pemA + "\n" + pemC
	proxy.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m")}
	plain := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web"}}}}
	forbidden := apierrors.NewForbidden(kschema.GroupResource{Resource: "pods"}, "", errors.New("no"))
	for _, tc := range []struct {
		name string
		now  *corev1.Pod
		with injector
		want string
	}{
		{"another proxy", meshedPod(), injector{pod: next}, "restart of deployment/web will change its proxy: edge-26.8.3 → edge-26.9.1, cpu request none → 200m, anchors +1, anchors -1"},
		{"the first proxy", plain.DeepCopy(), injector{pod: next}, "restart of deployment/web brings proxy edge-26.9.1, cpu request 200m, 2 trust anchor(s)"},
		{"the same proxy", meshedPod(), injector{pod: meshedPod()}, "restart of deployment/web brings the proxy that it has"},
		{"a silent injector", meshedPod(), injector{pod: plain}, "restart of deployment/web brings no proxy as things stand: the injector does not answer, or leaves the pod out"},
		{"credentials that only read", meshedPod(), injector{err: forbidden}, "which proxies the restarts bring is not shown: the credentials may not create pods for trial"},
		{"a refusal", meshedPod(), injector{err: errors.New("admission webhook \x1b denied the request")}, "restart of deployment/web would fail: admission webhook \ufffd denied the request"},
	} {
		s := &scene{installed: true, states: []State{{Workload: deployment("web", tc.now), Restart: "wanted"}, {Workload: deployment("other", meshedPod())}}}
		got := strings.Join(s.preview(t.Context(), &tc.with), "\n")
		if got != tc.want || tc.with.n != 1 {
			t.Errorf("%s: %q after %d trials, want %q", tc.name, got, tc.with.n, tc.want)
		}
	}
	s := &scene{states: []State{{Workload: deployment("web", meshedPod()), Restart: "wanted"}}}
	if got := s.preview(t.Context(), nil); got != nil {
		t.Errorf("without a control plane: %v", got)
	}
}
