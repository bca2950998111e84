package mesh

import (
	"context"
	"log/slog"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// The policy controller's second task beside answering proxies: it tells routes, rate limits and egress networks
// through their status whether they are in force. A stand-in does so while a destination pod is Ready.

const (
	policyController = "linkerd.io/policy-controller"
	// reconcileEvery is much shorter than the real controller's ten seconds.
	reconcileEvery = 250 * time.Millisecond
)

// statusWriter writes the status of policy objects.
type statusWriter struct{ world *world }

func (s *statusWriter) run(ctx context.Context) {
	ticker := time.NewTicker(reconcileEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if s.leading() {
			s.routes(ctx)
			s.rateLimits(ctx)
			s.egressNetworks(ctx)
		}
	}
}

// leading says whether any control plane has a policy controller.
func (s *statusWriter) leading() bool {
	pods, _ := s.world.pods.List(labels.SelectorFromSet(labels.Set{labelComponent: componentDestination}))
	for _, p := range pods {
		if ready(p) {
			return true
		}
	}
	return false
}

// routeKinds are the kinds of routes, and how strong they are: on one parent the strongest kind is in force and the others
// are in conflict.
var routeKinds = []struct {
	group, plural string
	strength      int
}{
	{policyGroup, "httproutes", 3}, {gatewayGroup, "httproutes", 3}, {gatewayGroup, "grpcroutes", 4},
	{gatewayGroup, "tlsroutes", 2}, {gatewayGroup, "tcproutes", 1},
}

func (s *statusWriter) routes(ctx context.Context) {
	for _, kind := range routeKinds {
		for _, o := range s.world.custom.list(kind.group, kind.plural) {
			refs, _, _ := unstructured.NestedSlice(o.Object, "spec", "parentRefs")
			parents, others := []any{}, foreignParents(o)
			for _, r := range refs {
				p, _ := r.(map[string]any)
				if entry := s.parentStatus(o, kind.group, kind.strength, p); entry != nil {
					parents = append(parents, entry)
				}
			}
			if len(parents) > 0 {
				s.write(ctx, kind.group, kind.plural, o, map[string]any{"parents": append(others, parents...)})
			}
		}
	}
}

// foreignParents returns what other controllers wrote.
func foreignParents(o *unstructured.Unstructured) []any {
	all, _, _ := unstructured.NestedSlice(o.Object, "status", "parents")
	out := []any{}
	for _, p := range all {
		if m, _ := p.(map[string]any); m["controllerName"] != policyController {
			out = append(out, p)
		}
	}
	return out
}

// parentStatus returns what the controller says about one parent, or nil for a parent that is not its business.
func (s *statusWriter) parentStatus(o *unstructured.Unstructured, group string, strength int, p map[string]any) map[string]any {
	kind, namespace := parentKind(group, p), text(p, "namespace")
	if namespace == "" {
		namespace = o.GetNamespace()
	}
	name := text(p, "name")
	found := false
	switch kind {
	case "Server":
		found = namespace == o.GetNamespace() && p["port"] == nil && p["sectionName"] == nil && s.exists("servers", namespace, name)
	case "EgressNetwork":
		found = s.exists("egressnetworks", namespace, name)
	case "Service":
		_, err := s.world.services.Services(namespace).Get(name)
		found = err == nil
	default:
		return nil
	}
	accepted := condition(o, "Accepted", found, "Accepted", "NoMatchingParent")
	if found && s.overruled(o, strength, kind, namespace, name) {
		accepted = condition(o, "Accepted", false, "", "RouteReasonConflicted")
	}
	ref := map[string]any{"group": policyGroup, "kind": kind, "name": name, "namespace": namespace}
	if kind == "Service" {
		ref["group"] = "core"
	}
	for _, key := range []string{"port", "sectionName"} {
		if v := p[key]; v != nil {
			ref[key] = v
		}
	}
	reason := s.backends(o)
	return map[string]any{
		"controllerName": policyController, "parentRef": ref,
		"conditions": []any{accepted, condition(o, "ResolvedRefs", reason == "", "ResolvedRefs", reason)},
	}
}

// parentKind resolves the kind of a parent with the defaults of the route's group.
func parentKind(routeGroup string, p map[string]any) string {
	group, kind := text(p, "group"), text(p, "kind")
	if _, set := p["group"]; !set {
		group = routeGroup
	}
	switch {
	case (kind == "Server" || kind == "EgressNetwork") && group == policyGroup, kind == "Service" && (group == "" || group == "core"):
		return kind
	}
	return ""
}

// overruled says whether a stronger kind of route is attached to the same parent.
func (s *statusWriter) overruled(o *unstructured.Unstructured, strength int, kind, namespace, name string) bool {
	for _, rival := range routeKinds {
		if rival.strength <= strength {
			continue
		}
		for _, other := range s.world.custom.list(rival.group, rival.plural) {
			refs, _, _ := unstructured.NestedSlice(other.Object, "spec", "parentRefs")
			for _, r := range refs {
				p, _ := r.(map[string]any)
				ns := text(p, "namespace")
				if ns == "" {
					ns = other.GetNamespace()
				}
				if parentKind(rival.group, p) == kind && ns == namespace && text(p, "name") == name && other.GetNamespace() == o.GetNamespace() {
					return true
				}
			}
		}
	}
	return false
}

// backends returns why a reference to a backend does not resolve, or "".
func (s *statusWriter) backends(o *unstructured.Unstructured) string {
	rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "rules")
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		refs, _ := rule["backendRefs"].([]any)
		for _, b := range refs {
			ref, _ := b.(map[string]any)
			namespace := text(ref, "namespace")
			if namespace == "" {
				namespace = o.GetNamespace()
			}
			switch text(ref, "kind") {
			case "", "Service":
				if _, err := s.world.services.Services(namespace).Get(text(ref, "name")); err != nil {
					return "BackendNotFound"
				}
			case "EgressNetwork":
				if !s.exists("egressnetworks", namespace, text(ref, "name")) {
					return "BackendNotFound"
				}
			default:
				return "InvalidKind"
			}
		}
	}
	return ""
}

func (s *statusWriter) exists(plural, namespace, name string) bool {
	return newPolicies(s.world, settings{}).find(plural, objectRef{Namespace: namespace, Name: name}) != nil
}

// rateLimits accepts the oldest policy of each Server.
func (s *statusWriter) rateLimits(ctx context.Context) {
	taken := map[string]bool{}
	for _, o := range s.world.custom.list(policyGroup, "httplocalratelimitpolicies") {
		target, _, _ := unstructured.NestedString(o.Object, "spec", "targetRef", "name")
		c := condition(o, "Accepted", true, "Accepted", "")
		switch key := o.GetNamespace() + "/" + target; {
		case !s.exists("servers", o.GetNamespace(), target):
			c = condition(o, "Accepted", false, "", "NoMatchingTarget")
		case taken[key]:
			c = condition(o, "Accepted", false, "", "RateLimitReasonAlreadyExists")
		default:
			taken[key] = true
		}
		s.write(ctx, policyGroup, "httplocalratelimitpolicies", o, map[string]any{
			"conditions": []any{c}, "targetRef": o.Object["spec"].(map[string]any)["targetRef"],
		})
	}
}

func (s *statusWriter) egressNetworks(ctx context.Context) {
	for _, o := range s.world.custom.list(policyGroup, "egressnetworks") {
		s.write(ctx, policyGroup, "egressnetworks", o, map[string]any{"conditions": []any{condition(o, "Accepted", true, "Accepted", "")}})
	}
}

// write updates a status that differs in more than times.
func (s *statusWriter) write(ctx context.Context, group, plural string, o *unstructured.Unstructured, status map[string]any) {
	client := s.world.custom.resource(group, plural)
	old, _ := o.Object["status"].(map[string]any)
	if client == nil || reflect.DeepEqual(timeless(old), timeless(status)) {
		return
	}
	o = o.DeepCopy()
	o.Object["status"] = status
	if _, err := client.Namespace(o.GetNamespace()).UpdateStatus(ctx, o, metav1.UpdateOptions{}); err != nil {
		slog.Debug("status", "object", plural+"/"+o.GetNamespace()+"/"+o.GetName(), "err", err)
	}
}

// timeless copies a status without the times of its conditions.
func timeless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if k != "lastTransitionTime" {
				out[k] = timeless(e)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			out = append(out, timeless(e))
		}
		return out
	}
	return v
}

func condition(o *unstructured.Unstructured, kind string, ok bool, good, bad string) map[string]any {
	c := map[string]any{
		"type": kind, "status": "True", "reason": good, "message": "", "observedGeneration": o.GetGeneration(),
		"lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
	}
	if !ok {
		c["status"], c["reason"] = "False", bad
	}
	return c
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}
