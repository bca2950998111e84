package kube

import (
	"context"
	"strings"

	"github.com/hashicorp/hcl/v2"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers"
)

// Access is a question to RBAC. Resource is the plural name; a path outside resources is a URL, with nothing else but the verb.
type Access struct{ Verb, Group, Resource, Subresource, Namespace, Name, URL string }

// CanI asks whether the user may do something (SelfSubjectAccessReview). It writes nothing.
func (c *Cluster) CanI(ctx context.Context, a Access) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"},
	}
	if a.URL != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: a.URL, Verb: a.Verb}
	} else {
		review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Verb: a.Verb, Group: a.Group, Resource: a.Resource, Subresource: a.Subresource, Namespace: a.Namespace, Name: a.Name,
		}
	}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(review)
	if err != nil {
		return false, err
	}
	k, err := c.connect()
	if err != nil {
		return false, err
	}
	reviews := k.dynamic.Resource(schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"})
	var answer *unstructured.Unstructured
	err = c.retry(ctx, func() error {
		answer, err = reviews.Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return false, err
	}
	allowed, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	return allowed, err
}

// Ask implements providers.Asker.
func (c *Cluster) Ask(ctx context.Context, r providers.Right) (bool, hcl.Diagnostics) {
	a := Access{Verb: r.Verbs[0], Group: r.Group, Namespace: r.Namespace}
	a.Resource, a.Subresource, _ = strings.Cut(r.Resource, "/")
	if len(r.Names) > 0 {
		a.Name = r.Names[0]
	}
	if len(r.URLs) > 0 {
		a = Access{Verb: r.Verbs[0], URL: r.URLs[0]}
	}
	allowed, err := c.CanI(ctx, a)
	if err != nil {
		return false, c.Diagnose(err, "create", Ref{Group: "authorization.k8s.io", Version: "v1", Kind: "SelfSubjectAccessReview", Name: "(rights of these credentials)"})
	}
	return allowed, nil
}
