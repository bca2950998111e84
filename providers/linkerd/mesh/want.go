package mesh

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// LoadWant reads from the control plane what its proxies should look like. What the credentials may not read, or what
// is not there (a control plane that the same plan installs), is left out and so not compared.
func LoadWant(ctx context.Context, c Lister, e env.Env) (Want, error) {
	w, _, err := loadControlPlane(ctx, c, e)
	return w, err
}

// controlPlane is what matters here of the values that a control plane was installed with.
type controlPlane struct {
	LinkerdVersion string `json:"linkerdVersion"`
	CNIEnabled     bool   `json:"cniEnabled"`
	AnchorsPEM     string `json:"identityTrustAnchorsPEM"`
	Identity       struct {
		ExternalCA bool `json:"externalCA"`
	} `json:"identity"`
	Proxy struct {
		NativeSidecar *bool `json:"nativeSidecar"`
		Image         struct {
			Version string `json:"version"`
		} `json:"image"`
		DefaultInboundPolicy string `json:"defaultInboundPolicy"`
		OpaquePorts          string `json:"opaquePorts"`
	} `json:"proxy"`
}

// opaquePorts are those that the control plane takes for opaque where nothing else is said.
func (v *controlPlane) opaquePorts() string { return cmp.Or(v.Proxy.OpaquePorts, DefaultOpaque) }

func loadControlPlane(ctx context.Context, c Lister, e env.Env) (Want, controlPlane, error) {
	w := Want{ControlPlane: e.Namespace(), TrustDomain: e.TrustDomain()}
	var values controlPlane
	roots, err := configMap(ctx, c, w.ControlPlane, "linkerd-identity-trust-roots")
	if err != nil {
		return w, values, err
	}
	if bundle := roots["ca-bundle.crt"]; bundle != "" {
		w.Anchors = Anchors(bundle)
	}
	config, err := configMap(ctx, c, w.ControlPlane, "linkerd-config")
	if err != nil {
		return w, values, err
	}
	if err := yaml.Unmarshal([]byte(config["values"]), &values); err != nil {
		return w, values, fmt.Errorf("ConfigMap %s/linkerd-config: key `values` is not YAML: %w", w.ControlPlane, err)
	}
	w.CNI, w.Native = values.CNIEnabled, values.Proxy.NativeSidecar
	w.Version = values.Proxy.Image.Version
	if w.Version == "" {
		w.Version = values.LinkerdVersion
	}
	return w, values, nil
}

func configMap(ctx context.Context, c Lister, namespace, name string) (map[string]string, error) {
	u, err := c.Get(ctx, kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: namespace, Name: name})
	if apierrors.IsForbidden(err) || u == nil && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := convert[corev1.ConfigMap](u)
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

// InScope returns the names of the workloads that belong into the mesh: those named, or all of the namespace that do
// not opt out. The others come back with the reason.
func (o *Observation) InScope(named []string) (names []string, optedOut map[string]string) {
	optedOut = map[string]string{}
	for _, w := range o.Workloads {
		if named != nil && !slices.Contains(named, w.Name) {
			continue
		}
		if reason := OptOut(&w.Template, named != nil); reason != "" {
			optedOut[w.Name] = reason
			continue
		}
		names = append(names, w.Name)
	}
	return names, optedOut
}
