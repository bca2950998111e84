package env

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// answer is a cluster that gives one answer.
type answer struct {
	values any // of the ConfigMap; nil when it does not exist
	err    error
}

func (a answer) Get(_ context.Context, r kube.Ref) (*unstructured.Unstructured, error) {
	if a.values == nil || a.err != nil {
		return nil, a.err
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"namespace": r.Namespace, "name": r.Name},
		"data": map[string]any{"values": a.values},
	}}, nil
}

func TestLoadConfig(t *testing.T) {
	down := errors.New("connection refused")
	for name, tc := range map[string]struct {
		cluster answer
		version string // of the control plane; "" when nothing is known
		err     string
	}{
		"there":        {cluster: answer{values: "linkerdVersion: edge-26.8.3\nproxy: {nativeSidecar: true}\nunknown: [1]\n"}, version: "edge-26.8.3"},
		"not there":    {},
		"no values":    {cluster: answer{values: ""}},
		"not readable": {cluster: answer{err: apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, ConfigName, nil)}},
		"down":         {cluster: answer{err: down}, err: down.Error()},
		"broken":       {cluster: answer{values: "linkerdVersion: [\n"}, err: "ConfigMap linkerd/linkerd-config: key `values` is not YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := sample().LoadConfig(t.Context(), tc.cluster)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || c != nil {
					t.Fatalf("%v, %v; want an error with %q", c, err, tc.err)
				}
				return
			}
			switch {
			case err != nil:
				t.Fatal(err)
			case tc.version == "" && c != nil:
				t.Errorf("unknown values are %+v, want nil", c)
			case tc.version != "" && (c == nil || c.LinkerdVersion != tc.version || c.Proxy.NativeSidecar == nil || c.CNIEnabled):
				t.Errorf("%+v, want %s with native sidecars and what is not said at its zero value", c, tc.version)
			}
		})
	}
}
