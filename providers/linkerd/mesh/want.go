package mesh

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// LoadWant reads from the control plane what its proxies should look like. What the credentials may not read, or what
// is not there (a control plane that the same plan installs), is left out and so not compared.
func LoadWant(ctx context.Context, c Lister, e env.Env) (Want, error) {
	w, _, err := loadControlPlane(ctx, c, e)
	return w, err
}

// opaquePorts are those that a control plane takes for opaque where nothing else is said.
func opaquePorts(config env.Config) string { return cmp.Or(config.Proxy.OpaquePorts, DefaultOpaque) }

// loadControlPlane reads the trust roots and what the control plane was installed with. That is empty where it is not known.
func loadControlPlane(ctx context.Context, c Lister, e env.Env) (Want, env.Config, error) {
	w := Want{ControlPlane: e.Namespace(), TrustDomain: e.TrustDomain()}
	roots, err := configMap(ctx, c, w.ControlPlane, "linkerd-identity-trust-roots")
	if err != nil {
		return w, env.Config{}, err
	}
	if bundle := roots["ca-bundle.crt"]; bundle != "" {
		w.Anchors = Anchors(bundle)
	}
	config, err := e.LoadConfig(ctx, c)
	if err != nil || config == nil {
		return w, env.Config{}, err
	}
	w.CNI, w.Native = config.CNIEnabled, config.Proxy.NativeSidecar
	w.Version = cmp.Or(config.Proxy.Image.Version, config.LinkerdVersion)
	return w, *config, nil
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
