package mesh

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// advance writes the status of a pod that is not Ready yet: Ready when its proxy has a certificate and its
// annotations ask for no trouble, otherwise the state in which it waits.
func (k *keeper) advance(ctx context.Context, p *corev1.Pod, proxyReady bool, now time.Time) {
	if wait, err := time.ParseDuration(p.Annotations[annReadyAfter]); err == nil && p.Status.StartTime != nil &&
		now.Before(p.Status.StartTime.Add(wait)) {
		return
	}
	trouble := p.Annotations[annPod]
	if k.identity.crashed(p) {
		trouble = "crash"
	}
	status := podStatus(p, proxyReady, trouble, metav1.NewTime(now))
	if sameState(&p.Status, &status) {
		return
	}
	// Lists of a pod's status are replaced as a whole, conditions are merged by type.
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": p.UID},
		"status": map[string]any{
			"phase": status.Phase, "conditions": status.Conditions,
			"containerStatuses": status.ContainerStatuses, "initContainerStatuses": status.InitContainerStatuses,
		},
	})
	if err == nil {
		_, err = k.world.client.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	}
	if err != nil {
		slog.Debug("pod status", "pod", p.Namespace+"/"+p.Name, "err", err)
	}
}

// podStatus is the status of a pod at whose proxy everything hangs: a native sidecar that is not ready keeps the pod
// in Pending, an ordinary one with linkerd-await keeps the containers after it from starting.
func podStatus(p *corev1.Pod, proxyReady bool, trouble string, now metav1.Time) corev1.PodStatus {
	_, native := proxyOf(p)
	appReady := proxyReady && trouble == ""
	identity := componentOf(p) == componentIdentity // whose proxy starts after it, not before
	status := corev1.PodStatus{Phase: corev1.PodRunning}
	if native && !proxyReady {
		status.Phase = corev1.PodPending
	}
	for _, c := range p.Spec.InitContainers {
		s := corev1.ContainerStatus{Name: c.Name, Image: c.Image, Ready: true, Started: ptr.To(false)}
		switch {
		case c.Name == proxyContainer:
			s.Ready, s.Started, s.State = proxyReady, ptr.To(proxyReady), running(now)
		case c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways:
			s.Started, s.State = ptr.To(true), running(now)
		default:
			s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now}}
		}
		status.InitContainerStatuses = append(status.InitContainerStatuses, s)
	}
	for _, c := range p.Spec.Containers {
		s := corev1.ContainerStatus{Name: c.Name, Image: c.Image}
		switch {
		case c.Name == proxyContainer:
			s.Ready, s.Started, s.State = proxyReady, ptr.To(true), running(now)
		case trouble == "crash" && (proxyReady || identity):
			s.State = waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container")
			s.RestartCount, s.Started = 5, ptr.To(false)
			s.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", StartedAt: now, FinishedAt: now}}
		case !proxyReady:
			s.State, s.Started = waiting("PodInitializing", ""), ptr.To(false)
		default:
			s.Ready, s.Started, s.State = appReady, ptr.To(true), running(now)
		}
		status.ContainerStatuses = append(status.ContainerStatuses, s)
	}
	condition := func(t corev1.PodConditionType, ok bool, reason, message string) {
		c := corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: now}
		if !ok {
			c.Status, c.Reason, c.Message = corev1.ConditionFalse, reason, message
		}
		status.Conditions = append(status.Conditions, c)
	}
	condition(corev1.PodReadyToStartContainers, true, "", "")
	condition(corev1.PodInitialized, status.Phase == corev1.PodRunning, "ContainersNotInitialized", "containers with incomplete status: [linkerd-proxy]")
	condition(corev1.ContainersReady, appReady, "ContainersNotReady", "containers with unready status")
	condition(corev1.PodReady, appReady, "ContainersNotReady", "containers with unready status")
	for _, g := range p.Spec.ReadinessGates {
		condition(g.ConditionType, true, "", "")
	}
	return status
}

func running(now metav1.Time) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// sameState compares what advance decides and ignores times, so that a waiting pod is written once.
func sameState(a, b *corev1.PodStatus) bool {
	if a.Phase != b.Phase || len(a.ContainerStatuses) != len(b.ContainerStatuses) || len(a.InitContainerStatuses) != len(b.InitContainerStatuses) {
		return false
	}
	for _, lists := range [][2][]corev1.ContainerStatus{{a.ContainerStatuses, b.ContainerStatuses}, {a.InitContainerStatuses, b.InitContainerStatuses}} {
		for i := range lists[0] {
			x, y := lists[0][i], lists[1][i]
			if x.Ready != y.Ready || (x.State.Waiting == nil) != (y.State.Waiting == nil) {
				return false
			}
		}
	}
	want := map[corev1.PodConditionType]corev1.ConditionStatus{}
	for _, c := range b.Conditions {
		want[c.Type] = c.Status
	}
	for _, c := range a.Conditions {
		if s, ok := want[c.Type]; ok && s == c.Status {
			delete(want, c.Type)
		}
	}
	return len(want) == 0
}
