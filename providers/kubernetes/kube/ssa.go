package kube

import (
	"context"
	"encoding/json"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// ApplyOptions say how Apply writes. The zero value writes as FieldManager, without force.
type ApplyOptions struct {
	Manager       string
	Force, DryRun bool
}

// Apply is a server-side apply of one object. It reports whether the object was created, which the server's answer
// tells exactly.
func (c *Cluster) Apply(ctx context.Context, u *unstructured.Unstructured, o ApplyOptions) (live *unstructured.Unstructured, created bool, err error) {
	m, err := c.Mapping(ctx, u.GroupVersionKind())
	if err != nil {
		return nil, false, err
	}
	k, err := c.connect()
	if err != nil {
		return nil, false, err
	}
	body, err := json.Marshal(u.Object)
	if err != nil {
		return nil, false, err
	}
	if o.Manager == "" {
		o.Manager = FieldManager
	}
	// For an apply the server validates fields by reading the patch a second time, for keys that are there twice: an encoder writes
	// none, and fields that no schema knows are refused whatever is asked for. A plan asks nevertheless, a write saves the time.
	validation := metav1.FieldValidationIgnore
	if o.DryRun {
		validation = metav1.FieldValidationStrict
	}
	var answer []byte
	var code int
	err = c.retry(ctx, func() error {
		req := k.raw.Patch(types.ApplyPatchType).AbsPath(urlOf(m, u.GetNamespace(), u.GetName())...).
			Param("fieldManager", o.Manager).Param("fieldValidation", validation).Body(body)
		if o.Force {
			req = req.Param("force", "true")
		}
		if o.DryRun {
			req = req.Param("dryRun", metav1.DryRunAll)
		}
		result := req.Do(ctx).StatusCode(&code)
		if err := result.Error(); err != nil {
			return err
		}
		answer, err = result.Raw()
		return err
	})
	if err != nil {
		return nil, false, err
	}
	live = &unstructured.Unstructured{}
	if err := live.UnmarshalJSON(answer); err != nil {
		return nil, false, err
	}
	return live, code == http.StatusCreated, nil
}

// urlOf returns the segments of an object's path.
func urlOf(m Mapping, namespace, name string) []string {
	out := []string{"apis", m.Resource.Group, m.Resource.Version}
	if m.Resource.Group == "" {
		out = []string{"api", m.Resource.Version}
	}
	if m.Namespaced && namespace != "" {
		out = append(out, "namespaces", namespace)
	}
	return append(out, m.Resource.Resource, name)
}
