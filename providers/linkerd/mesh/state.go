package mesh

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshplan/meshplan/internal/diag"
)

// State is the judgement on a workload.
type State struct {
	*Workload
	// OptedOut says why the workload is left alone; empty for one that belongs into the mesh.
	OptedOut string
	// Restart says why its pods must be replaced; empty when they need not be.
	Restart string
	// Waiting says what is still missing that may come by itself; empty when nothing is.
	Waiting []string
	// Meshed counts the fully meshed pods of the newest revision.
	Meshed int
	// Version is the tag of the proxies, or "" when they differ or do not say.
	Version string
}

// Proved reports whether every pod of the workload is fully meshed and no other pod is left.
func (s *State) Proved() bool { return s.OptedOut == "" && s.Restart == "" && len(s.Waiting) == 0 }

// JudgeWorkload judges every pod of a workload. A pod of the newest revision that is wrong asks for a restart; one
// that is not ready, or old pods that are still there, only ask for patience.
func JudgeWorkload(w *Workload, want Want) State {
	s := State{Workload: w}
	for key, value := range w.Template.Annotations { // the template's own word goes over the namespace's
		if _, ok := want.Annotations[key]; ok && value != "" {
			want = want.with(key, value)
		}
	}
	want = want.keeping(w.Template.Annotations)
	for i, p := range w.Current {
		v := Judge(p, want)
		if v.Meshed() {
			s.Meshed++
		}
		if len(v.Wrong) > 0 && s.Restart == "" {
			s.Restart = fmt.Sprintf("pod %s: %s", p.Name, strings.Join(v.Wrong, "; "))
		}
		if len(v.Waiting) > 0 {
			s.Waiting = append(s.Waiting, fmt.Sprintf("pod %s: %s", p.Name, strings.Join(v.Waiting, "; ")))
		}
		s.Version = commonVersion(s.Version, p, i == 0)
	}
	if missing := w.Replicas - len(w.Current); missing > 0 {
		s.Waiting = append(s.Waiting, fmt.Sprintf("%d of %d pods of the newest revision do not exist yet", missing, w.Replicas))
	}
	for _, p := range w.Old {
		s.Waiting = append(s.Waiting, fmt.Sprintf("pod %s of an earlier revision is still there", p.Name))
	}
	if w.Failure != "" {
		s.Waiting = append(s.Waiting, "its controller says: "+diag.Scrub(w.Failure))
	}
	return s
}

func commonVersion(so string, p *corev1.Pod, first bool) string {
	proxy, _ := proxyOf(p)
	if proxy == nil {
		return ""
	}
	tag, _ := imageTag(proxy.Image)
	if first || tag == so {
		return tag
	}
	return ""
}

// with returns a copy that wants another value of one annotation.
func (w Want) with(key, value string) Want {
	out := make(map[string]string, len(w.Annotations))
	for k, v := range w.Annotations {
		out[k] = v
	}
	out[key] = value
	w.Annotations = out
	return w
}

// keeping returns a copy that does not mind the settings that a template makes itself.
func (w Want) keeping(template map[string]string) Want {
	var absent []string
	for _, key := range w.Absent {
		if _, ok := template[key]; !ok {
			absent = append(absent, key)
		}
	}
	w.Absent = absent
	return w
}

// OptOut says why pods of a template never get a proxy although their namespace asks for it; empty when they do.
// explicit says that the template's own annotation will be set by us.
func OptOut(t *corev1.PodTemplateSpec, explicit bool) string {
	if t.Spec.HostNetwork {
		return "its pods use the host's network"
	}
	for _, list := range [][]corev1.Container{t.Spec.Containers, t.Spec.InitContainers} {
		for _, c := range list {
			switch {
			case c.Name == "istio-proxy", c.Name == "istio-init", strings.HasPrefix(c.Image, "gcr.io/istio-release/proxy"):
				return "its pods carry the sidecar of another mesh (" + c.Name + ")"
			case c.Name == proxyContainer, c.Name == initContainer, strings.HasPrefix(c.Image, "cr.l5d.io/linkerd/proxy:"), strings.HasPrefix(c.Image, "cr.l5d.io/linkerd/proxy-init:"):
				return "its template already holds a proxy, container " + c.Name + " (manual injection)"
			}
		}
	}
	if explicit {
		return ""
	}
	if t.Annotations[InjectAnnotation] == "disabled" {
		return "its template opts out (" + InjectAnnotation + ": disabled)"
	}
	return ""
}

// Misunderstood returns the value of a template's own annotation that the injector takes for no although it is not
// `disabled`, such as `true`; empty when there is none.
func Misunderstood(t *corev1.PodTemplateSpec) string {
	switch value := t.Annotations[InjectAnnotation]; value {
	case "enabled", "ingress", "disabled":
		return ""
	default:
		return diag.Scrub(value)
	}
}
