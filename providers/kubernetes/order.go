package kubernetes

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// The tags that order objects. Other providers use them too.

// NamespaceTag is provided by what makes a namespace.
func NamespaceTag(name string) providers.Tag { return providers.Tag("kubernetes:namespace/" + name) }

// CRDTag is provided by what brings a kind.
func CRDTag(group, kind string) providers.Tag {
	return providers.Tag("kubernetes:crd/" + group + "/" + kind)
}

// ObjectTag is provided by what makes an object; the namespace is empty for a kind that belongs to none.
func ObjectTag(kind, namespace, name string) providers.Tag {
	return providers.Tag("kubernetes:object/" + kube.Ref{Kind: kind, Namespace: namespace, Name: name}.Key())
}

// WorkloadsTag is provided by every workload of a namespace.
func WorkloadsTag(namespace string) providers.Tag {
	return providers.Tag("kubernetes:workloads/" + namespace)
}

// orderOf says what the order of an object follows from. Unknown parts say nothing.
func orderOf(manifest cty.Value) providers.Order {
	if manifest.IsNull() || !manifest.IsKnown() {
		return providers.Order{}
	}
	var object map[string]any
	if kind := textAt(manifest, "kind"); tellsMore(kind) {
		var err error
		if object, _, _, err = kube.FromValue(manifest); err != nil {
			return providers.Order{}
		}
	}
	get := func(v any, path ...string) string {
		for _, step := range path {
			m, _ := v.(map[string]any)
			v = m[step]
		}
		s, _ := v.(string)
		return s
	}
	group, _, found := strings.Cut(textAt(manifest, "apiVersion"), "/")
	if !found {
		group = ""
	}
	kind, namespace, name := textAt(manifest, "kind"), textAt(manifest, "metadata", "namespace"), textAt(manifest, "metadata", "name")
	o := providers.Order{Provides: []providers.Tag{ObjectTag(kind, namespace, name)}}
	if namespace != "" {
		o.After = append(o.After, NamespaceTag(namespace))
	}
	if strings.Contains(group, ".") {
		o.After = append(o.After, CRDTag(group, kind))
	}
	switch kind {
	case "Namespace":
		o.Provides = append(o.Provides, NamespaceTag(name))
	case "CustomResourceDefinition":
		o.Provides = append(o.Provides, CRDTag(get(object, "spec", "group"), get(object, "spec", "names", "kind")))
	case "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet":
		o.Provides = append(o.Provides, WorkloadsTag(namespace))
		for _, r := range mentioned(object, nil) {
			o.After = append(o.After, ObjectTag(r.Kind, namespace, r.Name))
		}
	case "RoleBinding", "ClusterRoleBinding":
		role := get(object, "roleRef", "kind")
		where := ""
		if role == "Role" {
			where = namespace
		}
		o.After = append(o.After, ObjectTag(role, where, get(object, "roleRef", "name")))
	case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
		// Who answers must be there before the API server asks, and the API server must stop asking before who
		// answers goes.
		hooks, _ := object["webhooks"].([]any)
		for _, h := range hooks {
			where, service := get(h, "clientConfig", "service", "namespace"), get(h, "clientConfig", "service", "name")
			if service != "" {
				o.After = append(o.After, ObjectTag("Service", where, service), WorkloadsTag(where))
			}
		}
	}
	slices.Sort(o.After)
	o.After = slices.Compact(o.After)
	return o
}

// tellsMore reports whether the order of a kind's objects follows from more than their names, so that they must be
// read whole.
func tellsMore(kind string) bool {
	switch kind {
	case "CustomResourceDefinition", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet", "RoleBinding", "ClusterRoleBinding",
		"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
		return true
	}
	return false
}

// textAt returns the text at a path through objects and maps, or "" where there is none or it is not known.
func textAt(v cty.Value, path ...string) string {
	for _, step := range path {
		v, _ = v.Unmark()
		switch t := v.Type(); {
		case v.IsNull() || !v.IsKnown():
			return ""
		case t.IsObjectType() && t.HasAttribute(step):
			v = v.GetAttr(step)
		case t.IsMapType() && v.HasIndex(cty.StringVal(step)).True():
			v = v.Index(cty.StringVal(step))
		default:
			return ""
		}
	}
	v, _ = v.Unmark()
	if v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
		return ""
	}
	return v.AsString()
}

// mentioned returns the ServiceAccounts, ConfigMaps, Secrets and claims that a pod template names. Only the fields
// that name such objects in a pod have these names.
func mentioned(v any, out []kube.Ref) []kube.Ref {
	add := func(kind string, name any) {
		if s, ok := name.(string); ok && s != "" {
			out = append(out, kube.Ref{Kind: kind, Name: s})
		}
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			out = mentioned(e, out)
		}
	case map[string]any:
		for k, e := range v {
			m, _ := e.(map[string]any)
			switch k {
			case "serviceAccountName":
				add("ServiceAccount", e)
			case "configMap", "configMapRef", "configMapKeyRef":
				add("ConfigMap", m["name"])
			case "secretRef", "secretKeyRef":
				add("Secret", m["name"])
			case "secret":
				add("Secret", m["secretName"])
				add("Secret", m["name"])
			case "persistentVolumeClaim":
				add("PersistentVolumeClaim", m["claimName"])
			}
			out = mentioned(e, out)
		}
	}
	return out
}
