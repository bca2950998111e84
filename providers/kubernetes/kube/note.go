package kube

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/meshplan/meshplan/internal/diag"
)

// Note is a small text that one program leaves for its next run in a ConfigMap. It belongs to no state. It is not safe
// for concurrent use.
type Note struct {
	cluster *Cluster
	ref     Ref
	key     string
	version string // of the object that was loaded; empty when there was none
}

// Note names an entry of a ConfigMap. It makes no request.
func (c *Cluster) Note(namespace, name, key string) *Note {
	return &Note{cluster: c, ref: Ref{Version: "v1", Kind: "ConfigMap", Namespace: namespace, Name: name}, key: key}
}

var configMapsResource = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

func (n *Note) client() (dynamic.ResourceInterface, error) {
	k, err := n.cluster.connect()
	if err != nil {
		return nil, err
	}
	return k.dynamic.Resource(configMapsResource).Namespace(n.ref.Namespace), nil
}

// Load returns the text, and nothing when there is no such ConfigMap, or no such entry in it.
func (n *Note) Load(ctx context.Context) ([]byte, error) {
	client, err := n.client()
	if err != nil {
		return nil, n.explain(err, "get")
	}
	var u *unstructured.Unstructured
	err = n.cluster.retry(ctx, func() error {
		u, err = client.Get(ctx, n.ref.Name, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		n.version = ""
		return nil, nil
	}
	if err != nil {
		return nil, n.explain(err, "get")
	}
	n.version = u.GetResourceVersion()
	text, _, err := unstructured.NestedString(u.Object, "data", n.key)
	if err != nil {
		return nil, fmt.Errorf("%s holds no text under %q", n.ref, n.key)
	}
	return []byte(text), nil
}

// Keep replaces the text that was loaded. It fails when somebody else has replaced it meanwhile. Other entries of the
// ConfigMap stay.
func (n *Note) Keep(ctx context.Context, text []byte) error {
	client, err := n.client()
	if err != nil {
		return n.explain(err, "update")
	}
	if n.version == "" {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": n.ref.Name, "labels": map[string]any{"app.kubernetes.io/managed-by": "meshplan"}},
			"data":     map[string]any{n.key: string(text)}}}
		created, err := client.Create(ctx, u, metav1.CreateOptions{FieldManager: FieldManager})
		if err != nil {
			return n.explain(err, "create")
		}
		n.version = created.GetResourceVersion()
		return nil
	}
	u, err := client.Get(ctx, n.ref.Name, metav1.GetOptions{})
	if err != nil {
		return n.explain(err, "get")
	}
	if u.GetResourceVersion() != n.version {
		return fmt.Errorf("%s was changed by somebody else meanwhile", n.ref)
	}
	if err := unstructured.SetNestedField(u.Object, string(text), "data", n.key); err != nil {
		return err
	}
	updated, err := client.Update(ctx, u, metav1.UpdateOptions{FieldManager: FieldManager})
	if apierrors.IsConflict(err) {
		return fmt.Errorf("%s was changed by somebody else meanwhile", n.ref)
	}
	if err != nil {
		return n.explain(err, "update")
	}
	n.version = updated.GetResourceVersion()
	return nil
}

// explain says what a person can do about an error.
func (n *Note) explain(err error, verb string) error {
	d := n.cluster.diagnose(err, verb, n.ref)
	return errors.New(diag.Scrub(d.Summary + ": " + d.Detail))
}
