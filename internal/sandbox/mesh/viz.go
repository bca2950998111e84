package mesh

import (
	"context"
	"encoding/json"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What the extension viz is known by.
const (
	labelExtension       = "linkerd.io/extension"
	labelVizComponent    = "component"
	componentTap         = "tap"
	componentTapInjector = "tap-injector"

	annTapEnabled = "viz.linkerd.io/tap-enabled"
	annDisableTap = "viz.linkerd.io/disable-tap"
	envTapService = "LINKERD2_PROXY_TAP_SVC_NAME"

	tapGroup   = "tap.linkerd.io"
	tapVersion = "v1alpha1"
)

// vizComponentOf returns the component of viz that a pod belongs to, or "".
func vizComponentOf(p *corev1.Pod) string {
	if p.Labels[labelExtension] != "viz" {
		return ""
	}
	return p.Labels[labelVizComponent]
}

// serveTap answers the discovery of the aggregated API: that is what makes its APIService available. Nothing can be
// tapped where nothing runs.
func serveTap(rw http.ResponseWriter, r *http.Request) {
	gv := metav1.GroupVersionForDiscovery{GroupVersion: tapGroup + "/" + tapVersion, Version: tapVersion}
	group := metav1.APIGroup{TypeMeta: metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}, Name: tapGroup, Versions: []metav1.GroupVersionForDiscovery{gv}, PreferredVersion: gv}
	var answer any
	switch r.URL.Path {
	case "/apis":
		answer = metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{group}}
	case "/apis/" + tapGroup:
		answer = group
	case "/apis/" + tapGroup + "/" + tapVersion:
		answer = metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.GroupVersion,
			APIResources: []metav1.APIResource{{Name: "pods/tap", Kind: "Tap", Namespaced: true, Verbs: metav1.Verbs{"watch"}}}}
	default:
		http.NotFound(rw, r)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(answer)
}

// reviewTap tells a proxy whom to admit for tapping, in pods that have one.
func (w *world) reviewTap(_ context.Context, viz string, r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	var pod corev1.Pod
	if r.Kind.Kind != "Pod" {
		return allowed()
	}
	if err := json.Unmarshal(r.Object.Raw, &pod); err != nil {
		return denied("%v", err)
	}
	disabled := pod.Annotations[annDisableTap]
	if namespace, err := w.namespaces.Get(r.Namespace); err == nil && disabled == "" {
		disabled = namespace.Annotations[annDisableTap]
	}
	proxy, _ := proxyOf(&pod)
	if proxy == nil || disabled == "true" || pod.Annotations[annTapEnabled] == "true" {
		return allowed()
	}
	proxy.Env = append(proxy.Env, corev1.EnvVar{Name: envTapService, Value: "tap." + viz + ".serviceaccount.identity." + pod.Labels[labelControlPlane] + ".cluster.local"})
	annotations := map[string]string{annTapEnabled: "true"}
	for k, v := range pod.Annotations {
		annotations[k] = v
	}
	fields := map[string]any{"/metadata/annotations": annotations, "/spec/containers": pod.Spec.Containers}
	if len(pod.Spec.InitContainers) > 0 {
		fields["/spec/initContainers"] = pod.Spec.InitContainers
	}
	return patched(fields)
}
