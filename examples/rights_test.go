package examples

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

var (
	roles        = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	clusterRoles = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
	reviews      = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}
)

// right is one thing that a role allows.
type right struct {
	in                          schema.GroupVersionResource // roles or clusterroles
	namespace, role             string
	group, resource, name, verb string
}

func (r right) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.verb, schema.GroupResource{Group: r.group, Resource: r.resource}, r.name, r.namespace))
}

// rightsOf lists what the roles of the drift job allow, one thing at a time. Rights about URLs are left out: the API
// server gives those to everybody.
func rightsOf(t *testing.T, prefix string) (out []right) {
	t.Helper()
	for _, in := range []schema.GroupVersionResource{roles, clusterRoles} {
		for _, role := range list(t, in, "", "") {
			if strings.HasPrefix(role.GetName(), prefix) {
				out = append(out, expand(in, &role)...)
			}
		}
	}
	if len(out) < 6 {
		t.Fatalf("only these rights were found: %v", out)
	}
	return out
}

func expand(in schema.GroupVersionResource, role *unstructured.Unstructured) (out []right) {
	rules, _, _ := unstructured.NestedSlice(role.Object, "rules")
	for _, rule := range rules {
		texts := func(name string, otherwise ...string) []string {
			got, _, _ := unstructured.NestedStringSlice(rule.(map[string]any), name)
			if len(got) == 0 {
				return otherwise
			}
			return got
		}
		for _, group := range texts("apiGroups") {
			for _, resource := range texts("resources") {
				for _, name := range texts("resourceNames", "") {
					for _, verb := range texts("verbs") {
						out = append(out, right{in, role.GetNamespace(), role.GetName(), group, resource, name, verb})
					}
				}
			}
		}
	}
	return out
}

// take removes the right from its role, and returns what puts it back.
func (r right) take(t *testing.T) (back func()) {
	t.Helper()
	client := testenv.Dynamic(t).Resource(r.in).Namespace(r.namespace)
	put := func(edit func(u *unstructured.Unstructured), allowed bool) {
		u, err := client.Get(context.Background(), r.role, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		edit(u)
		if _, err := client.Update(context.Background(), u, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		r.await(t, allowed)
	}
	var before any
	put(func(u *unstructured.Unstructured) {
		before = u.Object["rules"]
		rules := []any{}
		for _, other := range expand(r.in, u) {
			if other == r {
				continue
			}
			rule := map[string]any{"apiGroups": []any{other.group}, "resources": []any{other.resource}, "verbs": []any{other.verb}}
			if other.name != "" {
				rule["resourceNames"] = []any{other.name}
			}
			rules = append(rules, rule)
		}
		u.Object["rules"] = rules
	}, false)
	return func() { put(func(u *unstructured.Unstructured) { u.Object["rules"] = before }, true) }
}

// await waits until the API server has noticed a change of roles.
func (r right) await(t *testing.T, allowed bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		review := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": map[string]any{
			"user": "system:serviceaccount:meshplan:meshplan-drift", "groups": []any{"system:serviceaccounts", "system:serviceaccounts:meshplan", "system:authenticated"},
			"resourceAttributes": map[string]any{"group": r.group, "resource": r.resource, "name": r.name, "namespace": r.namespace, "verb": r.verb}}}}
		got, err := testenv.Dynamic(t).Resource(reviews).Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		if now, _, _ := unstructured.NestedBool(got.Object, "status", "allowed"); now == allowed {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: the API server never says %v", r, allowed)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// without proves that the drift job needs the right: without it the job fails, and says nothing that is not so.
func (r right) without(t *testing.T, p *pod) {
	t.Helper()
	memory := r.resource == "configmaps" && r.namespace == "meshplan"
	if memory { // something to tell, and to remember
		if r.verb == "create" {
			if err := testenv.Dynamic(t).Resource(configMaps).Namespace("meshplan").Delete(t.Context(), "shop-drift", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		scale(t, 5)
		defer p.run(0)
		defer scale(t, 2)
	}
	back := r.take(t)
	defer back()
	got := p.start(p.args...)
	switch {
	case memory && (got.code != 2 || !strings.Contains(got.stderr, "[drift.memory]") || !strings.Contains(got.stderr, r.verb)):
		t.Error(got.text())
	case !memory && (got.code != 1 || strings.Contains(got.stdout, "No drift") || !strings.Contains(got.stderr, "forbidden") && !strings.Contains(got.stderr, "Not allowed")):
		t.Error(got.text())
	}
}
