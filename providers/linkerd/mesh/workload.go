package mesh

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// Workload is a controller of pods as it was found, with its pods.
type Workload struct {
	// Ref names the Deployment, StatefulSet, DaemonSet or CronJob.
	Ref kube.Ref
	// Name is `kind/name` in lower case.
	Name string
	UID  string
	// Generation is that of the object; Settled says that its controller has acted on it and every pod is new and ready.
	Generation int64
	Settled    bool
	// Replicas is how many pods it should have.
	Replicas int
	Template corev1.PodTemplateSpec
	// Selector matches its pods.
	Selector *metav1.LabelSelector
	managed  []metav1.ManagedFieldsEntry
	// Current are the pods of the newest revision, Old those of earlier ones and those that are terminating; both in
	// order of name, finished pods left out.
	Current, Old []*corev1.Pod
	// Failure is what the controller says about pods that it cannot make.
	Failure string
	// Blocked says why a restart would not replace the pods.
	Blocked string
}

// splitWorkload takes `kind/name` apart; the kind is empty when there is none.
func splitWorkload(s string) (kind, name string) {
	if kind, name, ok := strings.Cut(s, "/"); ok {
		return strings.ToLower(kind), name
	}
	return "", s
}

// workloadKind returns how the API spells a kind of workload that a configuration may name.
func workloadKind(kind string) (string, bool) {
	switch kind {
	case "deployment":
		return "Deployment", true
	case "statefulset":
		return "StatefulSet", true
	case "daemonset":
		return "DaemonSet", true
	case "cronjob":
		return cronJob, true
	}
	return "", false
}

// ServiceAccount returns the account that gives the workload's pods their identity.
func (w *Workload) ServiceAccount() string {
	return cmp.Or(w.Template.Spec.ServiceAccountName, "default")
}

// Pods returns all pods that are not finished, those of the newest revision first.
func (w *Workload) Pods() []*corev1.Pod {
	return append(append([]*corev1.Pod(nil), w.Current...), w.Old...)
}

// Proxies returns the pods that have a proxy, as the metrics reader knows them.
func (w *Workload) Proxies() []metrics.Pod {
	var out []metrics.Pod
	for _, p := range w.Pods() {
		if proxy, _ := proxyOf(p); proxy != nil && p.DeletionTimestamp == nil {
			out = append(out, metrics.Pod{
				Namespace: p.Namespace, Name: p.Name, UID: string(p.UID), Workload: w.Name,
				ServiceAccount: w.ServiceAccount(), AdminPort: adminPort(proxy),
			})
		}
	}
	return out
}

// newestMeshed reports whether a pod of the newest revision has a proxy.
func (w *Workload) newestMeshed() bool {
	return slices.ContainsFunc(w.Current, func(p *corev1.Pod) bool {
		proxy, _ := proxyOf(p)
		return proxy != nil
	})
}

func adminPort(proxy *corev1.Container) int {
	for _, p := range proxy.Ports {
		if p.Name == "linkerd-admin" {
			return int(p.ContainerPort)
		}
	}
	return 0
}
