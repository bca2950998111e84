package mesh

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// The classes of drift that only the running pods show.
const (
	// CodeDriftAnchors: running proxies trust other anchors than the control plane hands out.
	CodeDriftAnchors diag.Code = "linkerd.drift.proxy-anchors"
	// CodeDriftVersion: running proxies are of another version than their control plane.
	CodeDriftVersion diag.Code = "linkerd.drift.proxy-version"
	// CodeDriftUnmeshed: pods are to be in the mesh and run without a proxy.
	CodeDriftUnmeshed diag.Code = "linkerd.drift.pod-unmeshed"
	// CodeDriftLabel: a pod has the label of a meshed one and no proxy, so that its clients attempt mTLS and fail.
	CodeDriftLabel diag.Code = "linkerd.drift.label-without-proxy"
	// CodeDriftRestart: a setting was changed after pods had started; it reaches them only by a restart.
	CodeDriftRestart diag.Code = "linkerd.drift.pending-restart"
	// CodeDriftSetting: an annotation on a namespace or a pod template is one that the injector ignores.
	CodeDriftSetting diag.Code = "linkerd.drift.setting-ignored"
	// CodeDriftOpaque: a Service and the pods behind it disagree about a port, or the Service lacks what the injector
	// writes on new ones.
	CodeDriftOpaque diag.Code = "linkerd.drift.service-opaque"
	// CodeDriftValues: the configuration of the control plane names other trust anchors than its ConfigMap holds.
	CodeDriftValues diag.Code = "linkerd.drift.anchors-in-values"
	// CodeNotSeen: the credentials may not read a part of what drift is looked for in.
	CodeNotSeen diag.Code = "linkerd.drift.not-seen"
)

// inspector looks at the pods of the mesh for drift.
type inspector struct {
	env      env.Env
	want     Want
	control  env.Config
	recorded []providers.Recorded
	out      providers.Inspection
	count    tally
}

// tally is what the gauges tell.
type tally struct{ proxies, untrusting, outdated, unmeshed, pending int }

// Inspect compares the running pods of the mesh with the control plane, with what the state records, and with the
// annotations that they would be made with now. It costs a LIST of metadata for the cluster and some for each
// namespace that has to do with the mesh.
func Inspect(ctx context.Context, e env.Env, req providers.InspectRequest) (providers.Inspection, hcl.Diagnostics) {
	c := e.Cluster()
	i := &inspector{env: e, recorded: ofType(req.Recorded, "linkerd_injection")}
	var err error
	if i.want, i.control, err = loadControlPlane(ctx, c, e); err != nil {
		return i.out, c.Diagnose(err, "get", namespaceRef(e.Namespace()))
	}
	i.values()
	namespaces, ds := i.namespaces(ctx, c)
	for _, ns := range namespaces {
		o, err := Observe(ctx, c, ns)
		if apierrors.IsForbidden(err) {
			ds = append(ds, notSeen("workloads and pods of namespace "+ns))
			continue
		}
		if err != nil {
			return i.out, append(ds, c.Diagnose(err, "list", namespaceRef(ns))...)
		}
		if o.Namespace == nil {
			continue
		}
		i.namespace(o)
		n, err := meet(ctx, c, ns)
		if err != nil {
			return i.out, append(ds, c.Diagnose(err, "list", namespaceRef(ns))...)
		}
		i.services(o, n)
	}
	i.gauges()
	return i.out, ds
}

// ofType returns what is recorded of one type.
func ofType(all []providers.Recorded, typeName string) []providers.Recorded {
	return slices.DeleteFunc(slices.Clone(all), func(r providers.Recorded) bool { return r.Address.Type != typeName || r.Value.IsNull() })
}

func notSeen(what string) *hcl.Diagnostic {
	return diag.Warningf(CodeNotSeen, "Part of the mesh cannot be seen",
		"The credentials may not list %s, so drift there is not found. Give them get and list there.", what)
}

// namespaces are those that an injection is recorded for, that ask for injection, or that hold a meshed pod, but for the
// control plane's own.
func (i *inspector) namespaces(ctx context.Context, c *kube.Cluster) (out []string, ds hcl.Diagnostics) {
	for _, r := range i.recorded {
		out = append(out, schema.Text(r.Value.GetAttr("namespace")))
	}
	all, err := c.ListMetadata(ctx, corev1.SchemeGroupVersion.WithKind("Namespace"), kube.ListOptions{})
	if err != nil {
		ds = append(ds, notSeen("namespaces"))
	}
	for _, ns := range all {
		if v := ns.Annotations[InjectAnnotation]; v != "" && v != "disabled" {
			out = append(out, ns.Name)
		}
	}
	pods, err := c.ListMetadata(ctx, corev1.SchemeGroupVersion.WithKind("Pod"), kube.ListOptions{Labels: controlPlaneLabel + "=" + i.want.ControlPlane})
	if err != nil {
		ds = append(ds, notSeen("pods of all namespaces"))
	}
	for _, p := range pods {
		out = append(out, p.Namespace)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(ns string) bool { return ns == i.want.ControlPlane || ns == "" }), ds
}

// values compares the anchors in the control plane's configuration with those that it hands out.
func (i *inspector) values() {
	configured := Anchors(i.control.AnchorsPEM)
	if i.control.Identity.ExternalCA || len(configured) == 0 || len(i.want.Anchors) == 0 || maps.Equal(configured, i.want.Anchors) {
		return
	}
	i.add(providers.Finding{
		Class: CodeDriftValues, Severity: providers.SeverityDrift, Object: "ConfigMap " + i.want.ControlPlane + "/linkerd-config",
		Summary: "Anchors of the configuration are not those in use",
		Detail: fmt.Sprintf("The configuration holds %d trust anchor(s) that are not the %d of ConfigMap linkerd-identity-trust-roots, which proxies get. Checks that read the configuration judge by the wrong ones, and the next upgrade would write them over.",
			len(configured), len(i.want.Anchors)),
		Fix: "Apply the rollout that owns the control plane, or write the same bundle to both.",
	})
}

// owner returns the instance that answers for a workload; the zero address when none does.
func (i *inspector) owner(ns, workload string) (a addr.Instance, listed bool) {
	for _, r := range i.recorded {
		if schema.Text(r.Value.GetAttr("namespace")) != ns {
			continue
		}
		named := schema.Texts(r.Value.GetAttr("workloads"))
		if named == nil || slices.Contains(named, workload) {
			return r.Address, named != nil
		}
	}
	return a, false
}

func (i *inspector) add(f providers.Finding) { i.out.Findings = append(i.out.Findings, f) }

// group collects what is wrong with the pods of one workload, by class.
type group struct {
	example map[diag.Code]string
	pods    map[diag.Code]int
}

func (g *group) note(class diag.Code, pod, what string) {
	if g.pods == nil {
		g.pods, g.example = map[diag.Code]int{}, map[diag.Code]string{}
	}
	if g.pods[class]++; g.pods[class] == 1 {
		g.example[class] = fmt.Sprintf("pod %s: %s", pod, what)
	}
}

// namespace judges every pod of a namespace.
func (i *inspector) namespace(o *Observation) {
	ns := o.Namespace
	excluded := ns.Name == "kube-system" || ns.Name == "cert-manager" || ns.Labels[skipWebhooksLabel] == "disabled"
	i.ignored("Namespace "+ns.Name, ns.Annotations, true, addr.Instance{})
	for _, w := range o.Workloads {
		owner, listed := i.owner(ns.Name, w.Name)
		i.ignored(w.Ref.String(), w.Template.Annotations, false, owner)
		wanted := !excluded && OptOut(&w.Template, listed) == "" && (!owner.IsZero() || asksForProxy(ns.Annotations, w.Template.Annotations))
		var g group
		pods := w.Pods()
		for _, p := range pods {
			i.pod(&g, ns, &w.Template, p, wanted)
		}
		i.report(&g, w.Ref.String(), owner, len(pods), restartCommand(w))
	}
	for _, p := range slices.Concat(o.Others, o.Unmanaged) {
		template := &corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec}
		proxy, _ := proxyOf(p)
		wanted := !excluded && proxy == nil && OptOutPod(p) == "" && asksForProxy(ns.Annotations, p.Annotations)
		var g group
		i.pod(&g, ns, template, p, wanted)
		i.report(&g, "Pod "+ns.Name+"/"+p.Name, addr.Instance{}, 1, "Delete the pod so that its owner makes it anew; a pod without one you must create yourself.")
	}
}

// asksForProxy is the injector's decision: the pod's own word goes over the namespace's.
func asksForProxy(namespace, pod map[string]string) bool {
	asks := func(v string) bool { return v == "enabled" || v == "ingress" }
	if own := pod[InjectAnnotation]; own != "" {
		return asks(own) && (namespace[InjectAnnotation] == "" || namespace[InjectAnnotation] == "disabled" || asks(namespace[InjectAnnotation]))
	}
	return asks(namespace[InjectAnnotation])
}

func restartCommand(w *Workload) string {
	return fmt.Sprintf("Restart it: `kubectl rollout restart %s -n %s`.", w.Name, w.Ref.Namespace)
}

// pod judges one pod.
func (i *inspector) pod(g *group, ns *corev1.Namespace, template *corev1.PodTemplateSpec, p *corev1.Pod, wanted bool) {
	if p.DeletionTimestamp != nil {
		return
	}
	proxy, _ := proxyOf(p)
	if proxy == nil {
		switch {
		case p.Labels[controlPlaneLabel] == i.want.ControlPlane:
			g.note(CodeDriftLabel, p.Name, "it has the label "+controlPlaneLabel+" and no proxy")
		case wanted:
			i.count.unmeshed++
			g.note(CodeDriftUnmeshed, p.Name, "it has no proxy")
		}
		return
	}
	i.count.proxies++
	if text := wrongAnchors(proxy, i.want.Anchors); text != "" {
		i.count.untrusting++
		g.note(CodeDriftAnchors, p.Name, text)
	}
	if text := wrongVersion(p, proxy, i.want.Version); text != "" {
		i.count.outdated++
		g.note(CodeDriftVersion, p.Name, text)
	}
	if pending := pendingSettings(ns, template, p, proxy, i.control.Proxy.DefaultInboundPolicy); len(pending) > 0 {
		i.count.pending++
		g.note(CodeDriftRestart, p.Name, strings.Join(pending, "; "))
	}
}

// pendingSettings says which settings of the namespace, the template or the control plane a running pod was made without.
func pendingSettings(ns *corev1.Namespace, template *corev1.PodTemplateSpec, p *corev1.Pod, proxy *corev1.Container, defaultPolicy string) []string {
	const policyKey = configPrefix + "default-inbound-policy"
	var out []string
	for _, s := range settings() {
		key := s.key()
		want, set := template.Annotations[key]
		if !set && s.inherited {
			want, set = ns.Annotations[key]
		}
		got, has := p.Annotations[key]
		switch {
		case set && got != want:
			out = append(out, fmt.Sprintf("%s is %q now, the pod was made with %q", key, diag.Scrub(want), diag.Scrub(got)))
		case !set && has && key != configPrefix+"opaque-ports" && s.inherited: // the injector writes opaque ports by itself
			out = append(out, fmt.Sprintf("%s is not set any more, the pod was made with %q", key, diag.Scrub(got)))
		case !set && !has && key == policyKey && defaultPolicy != "":
			if made, ok := envOf(proxy, "LINKERD2_PROXY_INBOUND_DEFAULT_POLICY"); ok && made != defaultPolicy {
				out = append(out, fmt.Sprintf("the control plane's default inbound policy is %q now, the pod was made with %q", diag.Scrub(defaultPolicy), diag.Scrub(made)))
			}
		}
	}
	return out
}

// ignored finds annotations that do nothing.
func (i *inspector) ignored(object string, annotations map[string]string, onNamespace bool, owner addr.Instance) {
	fault := func(key, what string) {
		i.add(providers.Finding{Class: CodeDriftSetting, Severity: providers.SeverityDrift, Object: object, Owner: owner, Summary: "Setting has no effect",
			Detail: fmt.Sprintf("The annotation %s = %q does nothing: %s", diag.Scrub(key), diag.Scrub(annotations[key]), endSentence(what)),
			Fix:    "Correct the annotation, then restart what it is for."})
	}
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		switch {
		case key == InjectAnnotation:
			if v := annotations[key]; v != "" && v != "enabled" && v != "disabled" && v != "ingress" {
				fault(key, "the injector knows enabled, ingress and disabled, and takes anything else for no")
			}
		case isSetting(key):
			if err := CheckSetting(key, annotations[key], onNamespace); err != nil {
				fault(key, err.Error())
			}
		}
	}
}

// report turns what was collected into findings.
func (i *inspector) report(g *group, object string, owner addr.Instance, total int, restart string) {
	if !owner.IsZero() {
		restart = "Run \"meshplan plan\" and apply it: the injection restarts the workload in its wave."
	}
	for _, class := range slices.Sorted(maps.Keys(g.pods)) {
		f := providers.Finding{Class: class, Severity: providers.SeverityDrift, Object: object, Owner: owner, Fix: restart}
		switch class {
		case CodeDriftAnchors:
			f.Summary, f.Severity = "Proxies trust other anchors", providers.SeverityCritical
		case CodeDriftVersion:
			f.Summary = "Proxies of another version"
		case CodeDriftUnmeshed:
			f.Summary, f.Severity = "Pods without a proxy", providers.SeverityCritical
			f.Fix = "See that the injector's pods are ready (\"meshplan linkerd check\"). " + restart
		case CodeDriftLabel:
			f.Summary, f.Severity = "Label of a meshed pod without a proxy", providers.SeverityCritical
			f.Fix = "Remove the label from the template: only the injector may write it."
		case CodeDriftRestart:
			f.Summary = "Settings wait for a restart"
		}
		f.Detail = fmt.Sprintf("%d of %s: %s.", g.pods[class], pods(total), g.example[class])
		i.add(f)
	}
}

// services compares Services with the pods behind them.
func (i *inspector) services(o *Observation, n neighbours) {
	for _, s := range n.services {
		object := "Service " + s.Namespace + "/" + s.Name
		said := false
		for _, w := range o.Workloads {
			if len(w.Proxies()) == 0 || len(w.Current) == 0 {
				continue
			}
			state := &State{Workload: w}
			for _, d := range opaqueMismatch(s, state) {
				said = true
				i.add(providers.Finding{Class: CodeDriftOpaque, Severity: providers.SeverityDrift, Object: object, Summary: d.Summary, Detail: d.Detail,
					Fix: "Write the annotation config.linkerd.io/opaque-ports on both sides, and restart the pods if theirs changes."})
			}
		}
		if _, has := s.Annotations[configPrefix+"opaque-ports"]; has || said || len(s.Spec.Selector) == 0 {
			continue
		}
		for _, port := range s.Spec.Ports {
			if port.AppProtocol == nil && opaque(opaquePorts(i.control), int(port.Port)) {
				i.add(providers.Finding{Class: CodeDriftOpaque, Severity: providers.SeverityNote, Object: object, Summary: "Service is older than the injector",
					Detail: fmt.Sprintf("Port %d is one of the ports that Linkerd takes for opaque, and the Service lacks the annotation that the injector writes on new Services.", port.Port),
					Fix:    fmt.Sprintf("Write the annotation %sopaque-ports: \"%d\" on it, or make the Service anew.", configPrefix, port.Port)})
				break
			}
		}
	}
}

func (i *inspector) gauges() {
	for _, g := range []struct {
		name, help string
		n          int
	}{
		{"linkerd_proxies", "Running pods with a proxy, the control plane's own left out.", i.count.proxies},
		{"linkerd_proxies_untrusting", "Proxies that do not trust exactly the anchors of the control plane.", i.count.untrusting},
		{"linkerd_proxies_outdated", "Proxies of another version than the control plane asks for.", i.count.outdated},
		{"linkerd_proxies_pending_restart", "Proxies that were made before one of their settings changed.", i.count.pending},
		{"linkerd_pods_unmeshed", "Running pods that are to be in the mesh and have no proxy.", i.count.unmeshed},
	} {
		i.out.Gauges = append(i.out.Gauges, providers.Gauge{Name: g.name, Help: g.help, Value: float64(g.n)})
	}
}
