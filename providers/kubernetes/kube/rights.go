package kube

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers"
)

// AnyNamespace in a right means all namespaces, also where an object that names none would be in the default one.
const AnyNamespace = "*"

// ObjectRights says what PlanSet, ApplySet, ReadSets and DeleteSet need for objects. Unknown names make a right wider. What
// the objects bring (definitions, namespaces) is noted in World, so that their kinds are known to Authorize.
func (c *Cluster) ObjectRights(objects []Desired, o SetOptions, wait *WaitOptions) []providers.Right {
	var out []providers.Right
	for _, d := range objects {
		if !o.Partial {
			c.world.note(d.Object)
		}
		out = append(out, objectRights(d, o, wait)...)
	}
	return out
}

// rightsOf begins rights on an object.
type rightsOf struct {
	base providers.Right
	out  []providers.Right
}

func (r *rightsOf) add(purpose providers.Purpose, why string, verbs ...string) *providers.Right {
	right := r.base
	right.For, right.Verbs, right.Why = purpose, verbs, why
	r.out = append(r.out, right)
	return &r.out[len(r.out)-1]
}

// read adds a right on other objects, which are named by their resource.
func (r *rightsOf) read(purpose providers.Purpose, why, group, resource, namespace string, verbs ...string) *providers.Right {
	r.out = append(r.out, providers.Right{For: purpose, Why: why, Group: group, Resource: resource, Namespace: namespace, Verbs: verbs})
	return &r.out[len(r.out)-1]
}

func objectRights(d Desired, o SetOptions, wait *WaitOptions) []providers.Right {
	ref := RefOf(d.Object)
	r := &rightsOf{base: providers.Right{Group: ref.Group, Version: ref.Version, Kind: ref.Kind, Namespace: ref.Namespace}}
	_, namespaced, known := builtin(ref.GroupKind())
	switch {
	case unknownField(d, "metadata.namespace"):
		r.base.Namespace = AnyNamespace
	case ref.Namespace == "" && namespaced:
		ref.Namespace, r.base.Namespace = DefaultNamespace, DefaultNamespace
	case known && !namespaced:
		ref.Namespace, r.base.Namespace = "", ""
	}
	if ref.Name != "" && !unknownField(d, "metadata.name") {
		r.base.Names = []string{ref.Name}
	}
	read := r.add(providers.ForDrift, "read", "get")
	switch {
	case isSecret(ref): // who may list them may read them all; without the right they are read one by one
	case o.Partial:
		read.Many = readUnmarked
	default:
		read.Many = readFew + 1
	}
	if o.Partial {
		r.add(providers.ForChecks, "change", "patch")
		return r.out
	}
	if ref.Namespace != "" {
		ns := r.read(providers.ForPlan, "see whether its namespace exists", "", "namespaces", "", "get")
		ns.Names, ns.Many = []string{ref.Namespace}, inventoryGets+1
	}
	r.add(providers.ForChecks, "change", "patch")
	creating := providers.ForChecks
	if inert(ref.GroupKind()) {
		creating = providers.ForApply
	}
	r.add(creating, "create", "create")
	if o.OnDestroy != OnDestroyOrphan || o.OnImmutable == OnImmutableOrphan {
		r.add(providers.ForApply, "delete", "delete")
		r.watch("see it go")
	}
	r.escalation(d.Object)
	r.waiting(d.Object, wait)
	return r.out
}

// watch is without names: several who wait share a watch of all objects. For Secrets that would mean to read them all;
// several who wait for some then look now and then.
func (r *rightsOf) watch(why string) {
	if w := r.add(providers.ForApply, why, "watch"); w.Kind != "Secret" || w.Group != "" {
		w.Names = nil
	}
}

// escalation is what the server asks of those who give rights to others.
func (r *rightsOf) escalation(u *unstructured.Unstructured) {
	if r.base.Group != "rbac.authorization.k8s.io" {
		return
	}
	switch r.base.Kind {
	case "Role", "ClusterRole":
		r.add(providers.ForChecks, "grant what it grants", "escalate")
	case "RoleBinding", "ClusterRoleBinding":
		kind, _, _ := unstructured.NestedString(u.Object, "roleRef", "kind")
		name, _, _ := unstructured.NestedString(u.Object, "roleRef", "name")
		bound := r.add(providers.ForChecks, "bind its role", "bind")
		bound.Kind = cmp.Or(kind, "ClusterRole")
		if bound.Names = nil; name != "" {
			bound.Names = []string{name}
		}
		if bound.Kind == "ClusterRole" {
			bound.Namespace = ""
		}
	}
}

// waiting is what watching the object become ready needs.
func (r *rightsOf) waiting(u *unstructured.Unstructured, wait *WaitOptions) {
	gk := schema.GroupKind{Group: r.base.Group, Kind: r.base.Kind}
	if gk == crdKind {
		r.watch("wait until it is served")
	}
	if wait == nil || !wait.Waits() || readyAtOnce(gk) && len(wait.Conditions)+len(wait.Fields) == 0 {
		return
	}
	r.watch("wait until it is ready")
	r.read(providers.ForApply, "say why it does not become ready", "", "events", cmp.Or(r.base.Namespace, DefaultNamespace), "list").Rare = true
	if !wait.Rollout {
		return
	}
	if hasPods(gk) && gk.Kind != "Pod" {
		r.read(providers.ForApply, "say why its pods do not start", "", "pods", r.base.Namespace, "list").Rare = true
		if gk.Kind == "Deployment" {
			r.read(providers.ForApply, "find its pods", "apps", "replicasets", r.base.Namespace, "list").Rare = true
		}
	}
	switch gk.String() {
	case "PersistentVolumeClaim":
		if name, _, _ := unstructured.NestedString(u.Object, "spec", "storageClassName"); name != "" {
			class := r.read(providers.ForApply, "know when it is bound", "storage.k8s.io", "storageclasses", "", "get")
			class.Names, class.Rare = []string{name}, true
		}
	case "MutatingWebhookConfiguration.admissionregistration.k8s.io", "ValidatingWebhookConfiguration.admissionregistration.k8s.io":
		hooks, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
		for _, h := range hooks {
			hook, _ := h.(map[string]any)
			if namespace, found, _ := unstructured.NestedString(hook, "clientConfig", "service", "namespace"); found {
				r.read(providers.ForApply, "see that the webhook answers", "discovery.k8s.io", "endpointslices", namespace, "list")
			}
		}
	}
}

// RestartRights says what RestartWorkload needs, beside what an object set on the workload needs.
func RestartRights(workload Ref) []providers.Right {
	r := &rightsOf{base: providers.Right{Group: workload.Group, Version: workload.Version, Kind: workload.Kind, Namespace: workload.Namespace}}
	if workload.Namespace == "" {
		r.base.Namespace = AnyNamespace
	}
	if workload.Name != "" {
		r.base.Names = []string{workload.Name}
	}
	r.add(providers.ForDrift, "read", "get")
	r.add(providers.ForApply, "restart its pods", "patch")
	r.watch("see it restart")
	r.read(providers.ForApply, "see its pods restart", "", "pods", r.base.Namespace, "list")
	if workload.Kind == "Deployment" {
		r.read(providers.ForApply, "find its pods", "apps", "replicasets", r.base.Namespace, "list")
	}
	return r.out
}

// NamespaceContentRights says what looking for the contents of a namespace before its deletion needs. Secrets are left out:
// listing them means reading them, and what may not be listed does not hold a namespace back.
func NamespaceContentRights(namespace string) []providers.Right {
	r := &rightsOf{}
	for _, group := range []string{"", "apps", "autoscaling", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io"} {
		for kind := range strings.FieldsSeq(builtinNamespaced[group]) {
			if slices.Contains([]string{"Secret", "Event", "Endpoints", "ControllerRevision"}, kind) {
				continue
			}
			r.read(providers.ForApply, "see what others keep there before it is deleted", group, plural(kind), cmp.Or(namespace, AnyNamespace), "list")
		}
	}
	return r.out
}

// unknownField reports whether a field, or what holds it, is not known yet.
func unknownField(d Desired, path string) bool {
	return slices.ContainsFunc(d.Unknown, func(p Path) bool {
		s := p.String()
		return s == "" || s == path || strings.HasPrefix(path, s+".")
	})
}

// ForwardRight is what connecting to pods of a namespace needs. A WebSocket is authorised as get, and as create like SPDY.
func ForwardRight(purpose providers.Purpose, namespace, why string) providers.Right {
	return providers.Right{For: purpose, Resource: "pods/portforward", Namespace: cmp.Or(namespace, AnyNamespace), Verbs: []string{"get", "create"}, Why: why}
}

// ReadRight is a right to get objects by name, or to list those of a namespace, by resource.
func ReadRight(purpose providers.Purpose, verb, group, resource, namespace, why string, names ...string) providers.Right {
	return providers.Right{For: purpose, Group: group, Resource: resource, Namespace: namespace, Names: names, Verbs: []string{verb}, Why: why}
}
