package kube

import (
	"context"
	"errors"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
)

// pageSize is how many objects a LIST asks for at once.
const pageSize = 500

// resource returns the dynamic client for a kind and namespace.
func (c *Cluster) resource(m Mapping, namespace string) (dynamic.ResourceInterface, error) {
	k, err := c.connect()
	if err != nil {
		return nil, err
	}
	if m.Namespaced && namespace != "" {
		return k.dynamic.Resource(m.Resource).Namespace(namespace), nil
	}
	return k.dynamic.Resource(m.Resource), nil
}

func (c *Cluster) metadata(m Mapping, namespace string) (metadata.ResourceInterface, error) {
	k, err := c.connect()
	if err != nil {
		return nil, err
	}
	if m.Namespaced && namespace != "" {
		return k.metadata.Resource(m.Resource).Namespace(namespace), nil
	}
	return k.metadata.Resource(m.Resource), nil
}

// Get returns an object, or nil when it does not exist. An unknown kind is *UnknownKindError.
func (c *Cluster) Get(ctx context.Context, r Ref) (*unstructured.Unstructured, error) {
	m, err := c.Mapping(ctx, r.GVK())
	if err != nil {
		return nil, err
	}
	if m.Planned {
		return nil, nil
	}
	client, err := c.resource(m, r.Namespace)
	if err != nil {
		return nil, err
	}
	var out *unstructured.Unstructured
	err = c.retry(ctx, func() error {
		out, err = client.Get(ctx, r.Name, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return out, err
}

// getMetadata is Get without spec and status.
func (c *Cluster) getMetadata(ctx context.Context, m Mapping, r Ref) (*metav1.PartialObjectMetadata, error) {
	client, err := c.metadata(m, r.Namespace)
	if err != nil {
		return nil, err
	}
	var out *metav1.PartialObjectMetadata
	err = c.retry(ctx, func() error {
		out, err = client.Get(ctx, r.Name, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return out, err
}

// ListOptions select objects. The zero value selects all of a kind in all namespaces.
type ListOptions struct {
	Namespace string
	Labels    string // a label selector
	Fields    string // a field selector
}

func (o ListOptions) list() metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: o.Labels, FieldSelector: o.Fields, Limit: pageSize}
}

// List returns objects of a kind in order of namespace and name.
func (c *Cluster) List(ctx context.Context, gvk schema.GroupVersionKind, o ListOptions) ([]*unstructured.Unstructured, error) {
	m, err := c.Mapping(ctx, gvk)
	if err != nil {
		return nil, err
	}
	if m.Planned {
		return nil, nil
	}
	client, err := c.resource(m, o.Namespace)
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	err = c.pages(ctx, o.list(), func() { out = nil }, func(opts metav1.ListOptions) (string, error) {
		list, err := client.List(ctx, opts)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			out = append(out, &list.Items[i])
		}
		return list.GetContinue(), nil
	})
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return out, err
}

// ListMetadata is List without specs and status.
func (c *Cluster) ListMetadata(ctx context.Context, gvk schema.GroupVersionKind, o ListOptions) ([]*metav1.PartialObjectMetadata, error) {
	m, err := c.Mapping(ctx, gvk)
	if err != nil {
		return nil, err
	}
	if m.Planned {
		return nil, nil
	}
	out, err := c.listMetadata(ctx, m, o)
	slices.SortFunc(out, func(a, b *metav1.PartialObjectMetadata) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return out, err
}

func (c *Cluster) listMetadata(ctx context.Context, m Mapping, o ListOptions) ([]*metav1.PartialObjectMetadata, error) {
	var out []*metav1.PartialObjectMetadata
	err := c.eachMetadata(ctx, m, o, func() { out = nil }, func(found *metav1.PartialObjectMetadata) { out = append(out, found) })
	return out, err
}

// eachMetadata calls each with what a LIST shows, page by page, so that no more than a page has to be held. When it must
// begin again it calls restart first.
func (c *Cluster) eachMetadata(ctx context.Context, m Mapping, o ListOptions, restart func(), each func(*metav1.PartialObjectMetadata)) error {
	client, err := c.metadata(m, o.Namespace)
	if err != nil {
		return err
	}
	return c.pages(ctx, o.list(), restart, func(opts metav1.ListOptions) (string, error) {
		list, err := client.List(ctx, opts)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			each(&list.Items[i])
		}
		return list.GetContinue(), nil
	})
}

// pages reads all pages of a list. When the server has forgotten the list in between (410), nothing of it is used: it
// is read again in one piece.
func (c *Cluster) pages(ctx context.Context, opts metav1.ListOptions, restart func(), page func(metav1.ListOptions) (string, error)) error {
	for {
		var next string
		err := c.retry(ctx, func() (err error) {
			next, err = page(opts)
			return err
		})
		switch {
		case apierrors.IsResourceExpired(err) && opts.Continue != "":
			restart()
			opts.Continue, opts.Limit = "", 0
			continue
		case err != nil:
			return err
		case next == "":
			return nil
		}
		opts.Continue = next
	}
}

// Patch sends a patch that is not an apply. It is sent once more only when the connection was lost, so it must be one
// whose repetition does no harm (a merge, or one with a test).
func (c *Cluster) Patch(ctx context.Context, r Ref, kind types.PatchType, body []byte, o metav1.PatchOptions, subresources ...string) (*unstructured.Unstructured, error) {
	m, err := c.Mapping(ctx, r.GVK())
	if err != nil {
		return nil, err
	}
	client, err := c.resource(m, r.Namespace)
	if err != nil {
		return nil, err
	}
	if o.FieldManager == "" {
		o.FieldManager = FieldManager
	}
	var out *unstructured.Unstructured
	err = c.retry(ctx, func() error {
		out, err = client.Patch(ctx, r.Name, kind, body, o, subresources...)
		return err
	})
	return out, err
}

// CreateDryRun asks whether an object could be created, without doing it. The answer is what it would be.
func (c *Cluster) CreateDryRun(ctx context.Context, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	m, err := c.Mapping(ctx, u.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	client, err := c.resource(m, u.GetNamespace())
	if err != nil {
		return nil, err
	}
	var out *unstructured.Unstructured
	err = c.retry(ctx, func() error {
		out, err = client.Create(ctx, u, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: FieldManager})
		return err
	})
	return out, err
}

// DeleteOptions guard a deletion. Empty fields are not checked. Propagation is "Background" when empty.
type DeleteOptions struct{ UID, ResourceVersion, Propagation string }

// Delete deletes an object. One that is gone, or has another UID, is success: what was meant is not there any more.
func (c *Cluster) Delete(ctx context.Context, r Ref, o DeleteOptions) error {
	m, err := c.Mapping(ctx, r.GVK())
	var unknown *UnknownKindError
	if errors.As(err, &unknown) && unknown.Broken == nil || err == nil && m.Planned {
		return nil // the kind is gone, and with it all its objects
	}
	if err != nil {
		return err
	}
	client, err := c.resource(m, r.Namespace)
	if err != nil {
		return err
	}
	propagation := metav1.DeletePropagationBackground
	if o.Propagation != "" {
		propagation = metav1.DeletionPropagation(o.Propagation)
	}
	opts := metav1.DeleteOptions{PropagationPolicy: &propagation, Preconditions: &metav1.Preconditions{}}
	if o.UID != "" {
		opts.Preconditions.UID = (*types.UID)(&o.UID)
	}
	if o.ResourceVersion != "" {
		opts.Preconditions.ResourceVersion = &o.ResourceVersion
	}
	err = c.retry(ctx, func() error { return client.Delete(ctx, r.Name, opts) })
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) && o.ResourceVersion == "" && isUIDMismatch(err) {
		return nil
	}
	return err
}

// isUIDMismatch reports whether a precondition on the UID failed.
func isUIDMismatch(err error) bool {
	return err != nil && strings.Contains(strings.ToLower(err.Error()), "uid")
}

// toTyped converts an unstructured object to a typed one.
func toTyped(u *unstructured.Unstructured, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into)
}
