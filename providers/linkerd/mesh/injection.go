package mesh

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

// injection is the resource type linkerd_injection.
type injection struct {
	env   env.Env
	world *typed.World
}

// Schema implements providers.ResourceType.
func (injection) Schema() *schema.Resource { return injectionSchema() }

// Order implements providers.Orderer: the injector and the workloads come first.
func (t injection) Order(config cty.Value) providers.Order {
	ns := schema.Text(config.GetAttr("namespace"))
	if ns == "" {
		return providers.Order{After: []providers.Tag{"linkerd:control-plane"}}
	}
	o := providers.Order{
		Provides: []providers.Tag{providers.Tag("linkerd:injection/" + ns)},
		After:    []providers.Tag{"linkerd:control-plane", providers.Tag("kubernetes:namespace/" + ns), providers.Tag("kubernetes:workloads/" + ns)},
	}
	for _, w := range schema.Texts(config.GetAttr("workloads")) {
		kind, name := splitWorkload(w)
		if k, ok := workloadKind(kind); ok {
			o.After = append(o.After, providers.Tag(fmt.Sprintf("kubernetes:object/%s/%s/%s", k, ns, name)))
		}
	}
	return o
}

// scene is everything that a decision about one injection looks at.
type scene struct {
	spec     spec
	observed *Observation
	states   []State // the workloads in scope, in order of name
	optedOut map[string]string
	waves    [][]string
	unknown  []string // names in the configuration that mean no workload
	cni      bool     // pods are set up by the CNI plugin
	native   *bool    // proxies are native sidecars by the control plane's values; nil when these do not say
	// installed says that there is a control plane to ask.
	installed bool
}

func (t injection) look(ctx context.Context, s spec, before *spec) (*scene, error) {
	want, err := LoadWant(ctx, t.env.Cluster(), t.env)
	if err != nil {
		return nil, err
	}
	observed, err := observe(ctx, t.env.Cluster(), s.namespace, slices.Concat(s.workloads, dropped(before, &s)))
	if err != nil {
		return nil, err
	}
	return judgeScene(s, before, want, observed), nil
}

func judgeScene(s spec, before *spec, want Want, observed *Observation) *scene {
	out := &scene{spec: s, observed: observed, cni: want.CNI, native: want.Native, installed: want.Version != "" || len(want.Anchors) > 0}
	want = s.want(want, before)
	names, optedOut := observed.InScope(s.workloads)
	out.optedOut = optedOut
	for _, n := range names {
		st := JudgeWorkload(observed.Find(n), want)
		if s.workloads != nil && st.Restart == "" {
			st.Restart = templateChange(&st.Template, s.annotations, want.Absent)
		}
		out.states = append(out.states, st)
	}
	for _, n := range s.workloads {
		if observed.Find(n) == nil {
			out.unknown = append(out.unknown, fmt.Sprintf("there is no workload %q in namespace %q.%s", n, s.namespace, diag.Suggest(n, observed.Names())))
		}
	}
	var unknown []string
	out.waves, unknown = s.waves(names)
	out.unknown = append(out.unknown, unknown...)
	return out
}

// templateChange says which annotation of a template is not as it should be; changing it restarts the workload.
func templateChange(t *corev1.PodTemplateSpec, annotations map[string]string, absent []string) string {
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if got := t.Annotations[key]; got != annotations[key] {
			return fmt.Sprintf("its template gets %s = %q", key, annotations[key])
		}
	}
	for _, key := range absent {
		if _, ok := t.Annotations[key]; ok {
			return fmt.Sprintf("its template loses %s", key)
		}
	}
	return ""
}

func (s *scene) state(name string) *State {
	i := slices.IndexFunc(s.states, func(st State) bool { return st.Name == name })
	if i < 0 {
		return nil
	}
	return &s.states[i]
}

func (s *scene) proved() int {
	n := 0
	for i := range s.states {
		if s.states[i].Proved() {
			n++
		}
	}
	return n
}

func (s *scene) computed() computed { return computed{s.states, s.waves} }

// problems says what speaks against the injection as things stand. Names that mean nothing yet may come into being
// before the step runs, so that while planning they are only warnings.
func (s *scene) problems(planning bool) hcl.Diagnostics {
	var ds hcl.Diagnostics
	ns := s.observed.Namespace
	if ns == nil {
		return append(ds, diag.At(diag.Errorf(CodeNoNamespace, "Namespace does not exist",
			"There is no namespace %q. Create it in the same plan with a kubernetes_namespace resource, or correct the name.", s.spec.namespace), cty.GetAttrPath("namespace")))
	}
	if ns.Name == "kube-system" || ns.Name == "cert-manager" || ns.Labels[skipWebhooksLabel] == "disabled" {
		ds = append(ds, diag.At(diag.Errorf(CodeExcluded, "Namespace is excluded from injection",
			"The injector never looks at namespace %q (it is a system namespace or has the label %s=disabled). Remove the label, or use another namespace.", ns.Name, skipWebhooksLabel), cty.GetAttrPath("namespace")))
	}
	if level := podSecurity(ns, s.cni); level != "" && len(s.states) > 0 {
		ds = append(ds, diag.At(diag.Errorf(CodePodSecurity, "Pod Security refuses injected pods",
			"Namespace %q enforces the Pod Security level %q, which forbids NET_ADMIN; linkerd-init needs it. Use Linkerd's CNI plugin, or the level `privileged` for this namespace.", ns.Name, level), cty.GetAttrPath("namespace")))
	}
	for _, text := range s.unknown {
		d := diag.Errorf(CodeUnknownWorkload, "Unknown workload", "%s", endSentence(strings.ToUpper(text[:1])+text[1:]))
		if planning {
			d.Severity = hcl.DiagWarning
			d.Detail += " If the same plan creates it, nothing needs to be done."
		}
		ds = append(ds, d)
	}
	for _, name := range slices.Sorted(maps.Keys(s.optedOut)) {
		if s.spec.workloads != nil {
			ds = append(ds, diag.At(diag.Errorf(CodeOptedOut, "Workload cannot be meshed", "%s cannot get a proxy: %s. Remove it from `workloads`, or change its template.", name, s.optedOut[name]), cty.GetAttrPath("workloads")))
		}
	}
	for i := range s.states {
		if value := Misunderstood(&s.states[i].Template); value != "" && s.spec.workloads == nil {
			ds = append(ds, diag.Errorf(CodeMisunderstood, "Annotation means no",
				"The template of %s says %s: %q. The injector knows only enabled, ingress and disabled and takes anything else for no. Remove the annotation from the template, or set it to \"enabled\" or \"disabled\".",
				s.states[i].Name, InjectAnnotation, value))
		}
	}
	for i := range s.states {
		if st := &s.states[i]; st.Blocked != "" && st.Restart != "" {
			ds = append(ds, diag.Errorf(CodeBlocked, "Workload cannot be restarted", "%s must be restarted (%s), but %s.", st.Name, st.Restart, st.Blocked))
		}
	}
	if s.spec.workloads == nil && len(s.observed.Unmanaged) > 0 {
		var names []string
		for _, p := range s.observed.Unmanaged {
			if proxy, _ := proxyOf(p); proxy == nil && OptOutPod(p) == "" {
				names = append(names, p.Name)
			}
		}
		if len(names) > 0 {
			ds = append(ds, diag.Warningf(CodeUnmanaged, "Pods that nobody would replace",
				"In namespace %q no controller owns %s, so a restart is not possible and they stay out of the mesh. Delete and create them yourself.", s.spec.namespace, some(names, 5)))
		}
	}
	return ds
}

// some lists at most n names.
func some(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}
