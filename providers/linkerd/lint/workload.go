package lint

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

const (
	inject       = "linkerd.io/inject"
	configPrefix = "config.linkerd.io/"
)

// templates are where the pods of a kind of workload are described.
var templates = map[string][]string{
	"Deployment": {"spec", "template"}, "StatefulSet": {"spec", "template"}, "DaemonSet": {"spec", "template"}, "ReplicaSet": {"spec", "template"},
	"Job": {"spec", "template"}, "CronJob": {"spec", "jobTemplate", "spec", "template"},
}

// workload judges the annotations by which people configure the injection.
func (l *list) workload() {
	kind := l.u.GetKind()
	path, has := templates[kind]
	switch {
	case has:
		template := l.u.Object
		for _, step := range path {
			template = mapAt(template, step)
		}
		for _, key := range linkerdKeys(l.u.GetAnnotations()) {
			l.warn(CodePlace, "Annotation where nobody reads it", "%s stands on the %s itself; the injector reads the pod template only. Move it to %s.metadata.annotations.", key, kind, strings.Join(path, "."))
		}
		l.pod(template)
		if (kind == "Job" || kind == "CronJob") && wants(mapAt(mapAt(template, "metadata"), "annotations")) && native(template) == "false" {
			l.warn(CodeJob, "Job may never end", "without native sidecars the proxy goes on when the Job's container has ended, and the Job never completes. Remove %sproxy-enable-native-sidecar: \"false\".", configPrefix)
		}
	case kind == "Pod":
		l.pod(l.u.Object)
	case kind == "Namespace":
		l.settings(l.u.GetAnnotations(), true)
		l.labels(l.u.GetLabels())
	}
}

func (l *list) pod(pod map[string]any) {
	meta := mapAt(pod, "metadata")
	annotations := texts(mapAt(meta, "annotations"))
	l.settings(annotations, false)
	l.labels(texts(mapAt(meta, "labels")))
	skipped := portList(annotations[configPrefix+"skip-inbound-ports"])
	opaque, said := annotations[configPrefix+"opaque-ports"]
	if !said {
		opaque = mesh.DefaultOpaque
	}
	for _, c := range sliceAt(mapAt(pod, "spec"), "containers") {
		container, _ := c.(map[string]any)
		for _, p := range sliceAt(container, "ports") {
			port, _ := p.(map[string]any)
			number, _ := port["containerPort"].(int64)
			name, _ := port["name"].(string)
			if covers(skipped, number) {
				l.warn(CodeSkippedPort, "Port bypasses the proxy", "container %v declares port %d, and skip-inbound-ports takes it past the proxy: no mTLS, no policy and no metrics there. If its protocol is the reason, write opaque-ports instead.", container["name"], number)
			}
			if first := mesh.SpeaksFirst(name); first != "" && wants(mapAt(meta, "annotations")) && !covers(portList(opaque), number) && !slices.Contains(strings.Split(opaque, ","), name) {
				l.warn(CodeOpaquePort, "Server speaks first", "container %v declares port %d (%s): with %s the server speaks first, so protocol detection holds each connection up for ten seconds. Add %d to %sopaque-ports on the pods and on the Service.", container["name"], number, name, first, number, configPrefix)
			}
		}
	}
}

func wants(annotations map[string]any) bool {
	return annotations[inject] == "enabled" || annotations[inject] == "ingress"
}

func native(template map[string]any) string {
	s, _ := mapAt(mapAt(template, "metadata"), "annotations")[configPrefix+"proxy-enable-native-sidecar"].(string)
	return s
}

// settings judges annotations on a namespace or a pod template.
func (l *list) settings(annotations map[string]string, onNamespace bool) {
	if v, ok := annotations[inject]; ok && !slices.Contains([]string{"", "enabled", "disabled", "ingress"}, v) {
		l.fault(CodeInject, "Injection annotation means no", "%s: %q is none of enabled, disabled and ingress; the injector admits the pods without a proxy and says nothing. Write enabled.", inject, v)
	}
	for _, key := range linkerdKeys(annotations) {
		if !strings.HasPrefix(key, configPrefix) {
			continue
		}
		if err := mesh.CheckSetting(key, annotations[key], onNamespace); err != nil {
			l.warn(CodeSetting, "Proxy setting is ignored", "%s.", strings.TrimSuffix(fmt.Sprint(err), "."))
		}
	}
	where := "these pods"
	if onNamespace {
		where = "this namespace"
	}
	if d := metrics.Denied(where, annotations[configPrefix+"default-inbound-policy"]); d != nil {
		l.warn(metrics.CodeDenied, d.Summary, "%s", d.Detail)
	}
}

// labels finds annotations that were written as labels.
func (l *list) labels(labels map[string]string) {
	for _, key := range linkerdKeys(labels) {
		if key != configPrefix+"admission-webhooks" {
			l.warn(CodePlace, "Label where an annotation belongs", "%s is a label; the injector reads annotations only. Move it to metadata.annotations.", key)
		}
	}
}

// linkerdKeys are the keys that configure the injection, sorted.
func linkerdKeys(m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k == inject || strings.HasPrefix(k, configPrefix) {
			out = append(out, k)
		}
	}
	return out
}

func texts(m map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// portList reads ports and ranges; what cannot be read is left out, as the injector does.
func portList(s string) [][2]int64 {
	var out [][2]int64
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.ParseInt(from, 10, 32)
		b := a
		if isRange && err == nil {
			b, err = strconv.ParseInt(to, 10, 32)
		}
		if err == nil {
			out = append(out, [2]int64{a, b})
		}
	}
	return out
}

func covers(list [][2]int64, port int64) bool {
	return slices.ContainsFunc(list, func(r [2]int64) bool { return port >= r[0] && port <= r[1] })
}
